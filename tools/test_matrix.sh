#!/bin/sh
# The tests of the viewer with PySide6: test_matrix.sh FOLDER, a virtual environment. What follows goes to pytest.
set -eu
python="$1/bin/python"
shift
export QT_API=pyside6 PYTEST_QT_API=pyside6
# An old napari warns about libraries newer than it: only what our own modules warn of is an error.
exec "$python" -m pytest -n 2 --dist loadfile -o "filterwarnings=default
error:::napari_gfsam" \
    tests/bridge tests/controller tests/session tests/widgets tests/test_workers.py tests/test_slices.py \
    tests/test_manifest.py tests/test_sample_data.py tests/test_story.py tests/test_kill.py "$@"
