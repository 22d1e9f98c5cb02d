"""What is known of offers, as values."""

from __future__ import annotations

from offer_material import kept, says

from pommai.gateway.offers import Book, Told


def test_a_book_finds_a_bundle_by_its_hash_and_an_empty_one_none() -> None:
    book = Book((kept(13), kept(12)), {kept(12).sha256: {"bear": Told()}}, {"bear": says()})
    assert book.of(kept(12).sha256) == kept(12)
    assert book.of("0" * 64) is None
    assert Book().of(kept(12).sha256) is None
    assert (Book().told, Book().reports, Told().at) == ({}, {}, None)
