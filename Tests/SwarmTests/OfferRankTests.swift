import Testing

@testable import Swarm

/// Whom a directing seed offers a chunk next, of ten neighbours in two places.
@Suite struct OfferRankTests {
    private static func rank(open: Int = 0, served: Int, inPlace: Int) -> OfferRank {
        OfferRank(openCount: open, served: (served, 10), servedInPlace: (inPlace, 2))
    }

    @Test func thePlaceThatWasServedLeast_isNext() {
        #expect(Self.rank(served: 5, inPlace: 20) < Self.rank(served: 5, inPlace: 30))
        #expect(Self.rank(served: 6, inPlace: 20) < Self.rank(served: 2, inPlace: 30))
    }

    @Test func whoeverHasAQuarterMoreThanItsShare_isNot_thoughItsPlaceHasLess() {
        // 50 chunks are out: a share is 5, and a place's 25.
        #expect(Self.rank(served: 7, inPlace: 10) > Self.rank(served: 4, inPlace: 27))
        #expect(Self.rank(served: 6, inPlace: 10) < Self.rank(served: 4, inPlace: 27))
    }

    @Test func manyOpenOffers_countBeforeAllElse() {
        #expect(Self.rank(open: 2, served: 1, inPlace: 5) > Self.rank(served: 9, inPlace: 45))
        #expect(Self.rank(open: 1, served: 1, inPlace: 5) < Self.rank(served: 9, inPlace: 45))
        #expect(Self.rank(open: 1, served: 5, inPlace: 25) > Self.rank(served: 5, inPlace: 25))
    }
}
