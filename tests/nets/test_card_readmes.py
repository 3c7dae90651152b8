"""The README in a shipped model's folder is the one that its card makes."""

import pytest

from napari_cmr.nets.card_shelf import list_models, shelf_folder
from napari_cmr.nets.shelf import readme


@pytest.mark.parametrize("card", list_models(), ids=lambda card: card.name)
def test_a_shipped_models_readme_is_made_from_its_card(card):
    assert (shelf_folder() / card.name / "README.md").read_text(encoding="utf-8") == readme(card)
