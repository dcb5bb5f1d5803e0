"""Settings survive a power cut at any moment of writing: the old document or the new one, never none."""

import pytest
from edge.errors import EdgeError
from edge.store import settings

from tests.device.flash import Flash, PowerFails

OLD = {"device": "bin-001", "text": "旧" * 3000}
NEW = {"device": "bin-001", "text": "新" * 4000}


def partition(doc: dict[str, str]) -> Flash:
    return Flash(0, settings.encode(doc, 65536))


def test_what_is_encoded_is_loaded_and_what_is_saved_replaces_it() -> None:
    flash = partition(OLD)
    assert settings.load(flash) == OLD
    for doc in (NEW, OLD, NEW):
        settings.save(flash, doc)
        assert settings.load(flash) == doc


@pytest.mark.parametrize("torn", [0, 1, 128, 255])
def test_a_cut_at_every_flash_operation_leaves_the_old_or_the_new_document(torn: int) -> None:
    whole = partition(OLD)
    settings.save(whole, NEW)
    for cut in range(1, whole.operations + 1):
        flash = partition(OLD)
        flash.cut_at, flash.torn = cut, torn
        with pytest.raises(PowerFails):
            settings.save(flash, NEW)
        after = Flash(0, bytes(flash.image))
        assert settings.load(after) in (OLD, NEW)
        settings.save(after, NEW)
        assert settings.load(after) == NEW


def test_a_blank_or_too_small_partition_is_named() -> None:
    with pytest.raises(EdgeError, match="settings-missing"):
        settings.load(Flash(16))
    with pytest.raises(EdgeError, match="settings-too-long"):
        settings.encode({"text": "x" * 40_000}, 65536)
