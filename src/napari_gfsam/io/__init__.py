"""Files: pictures and label images in, label images, overlays and run records out.

Reading gives one clear sentence for a bad file; writing is atomic (a whole file or none).
"""
