"""``python -m napari_cmr`` is ``napari-cmr``."""

from napari_cmr.cli import main

if __name__ == "__main__":
    main()
