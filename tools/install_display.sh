#!/bin/sh
# What a napari window needs without a screen; installed when root, named otherwise.
set -eu
packages="xvfb xauth libegl1 libgl1-mesa-dri libglx-mesa0 libopengl0 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0
libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0 libxcb-shape0 libglib2.0-0
libfontconfig1 fonts-dejavu-core"
command -v dpkg-query >/dev/null || exit 0
missing=""
for package in $packages; do
    case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
        installed*) ;;
        *) missing="$missing $package" ;;
    esac
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
elif [ -z "${DISPLAY:-}" ]; then
    echo "The tests open windows on a virtual display; install it first: sudo apt-get install$missing" >&2
    exit 1
fi
