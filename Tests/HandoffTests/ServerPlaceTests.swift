import Foundation
import Testing
import Units

@testable import Handoff

/// Links and numbers, and what is left of them when an agent ends in the middle.
@Suite struct ServerPlaceTests {
    private final class Ground {
        let folder: String
        let link: LinkPlace
        let numbered: NumberedPlace

        init() throws {
            folder = NSTemporaryDirectory() + "/shoal-place-\(UInt64.random(in: 0...UInt64.max))"
            for name in ["handoff/links", "handoff/books", "repository"] {
                try FileManager.default.createDirectory(
                    atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            }
            let folders = StoreFolders(state: folder)
            let book = PlaceBook(prefix: "\(folder)/handoff/books/a@b")
            link = LinkPlace(path: "\(folder)/handoff/links/a@b", book: book, folders: folders)
            numbered = NumberedPlace(folder: "\(folder)/repository", book: book, folders: folders)
            for digest in [one, two, three] {
                try FileManager.default.createDirectory(atPath: path(digest), withIntermediateDirectories: true)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func path(_ digest: Digest) -> String { "\(folder)/models/a/b/versions/\(digest)/default" }

        func target(_ path: String) throws -> String {
            try FileManager.default.destinationOfSymbolicLink(atPath: path)
        }

        var numbers: [String] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/repository")) ?? []
            return names.filter { !$0.hasPrefix(".") }.sorted()
        }
    }

    @Test func aLinkBelowTheStateFolderIsRelativeAndLeadsToTheVersion() throws {
        let ground = try Ground()
        #expect(try ground.link.recover() == PlaceState())
        #expect(try ground.link.offer(ground.path(one)) == nil)
        try ground.link.keep()
        #expect(try ground.target(ground.link.path) == "../../models/a/b/versions/\(one)/default")
        #expect(FileManager.default.fileExists(atPath: ground.link.path))
        #expect(try ground.link.recover() == PlaceState(digest: one))
    }

    @Test func aLinkElsewhereIsAbsolute() throws {
        let ground = try Ground()
        let outside = NSTemporaryDirectory() + "/shoal-link-\(UInt64.random(in: 0...UInt64.max))"
        let link = LinkPlace(path: outside, book: ground.link.book, folders: ground.link.folders)
        _ = try link.offer(ground.path(one))
        try link.keep()
        #expect(try ground.target(outside) == ground.path(one))
        try FileManager.default.removeItem(atPath: outside)
    }

    @Test func anUnfinishedOfferIsTakenBackAndNobodyIsSureUntilALoadIsKept() throws {
        let ground = try Ground()
        _ = try ground.link.offer(ground.path(one))
        try ground.link.keep()
        _ = try ground.link.offer(ground.path(two))
        for _ in 0..<2 { #expect(try ground.link.recover() == PlaceState(digest: one, isSure: false)) }
        _ = try ground.link.offer(ground.path(three))
        #expect(try ground.link.recover() == PlaceState(digest: one, isSure: false))
        _ = try ground.link.offer(ground.path(two))
        try ground.link.keep()
        #expect(try ground.link.recover() == PlaceState(digest: two))
    }

    @Test func theFirstOfferIsTakenBackToNothing() throws {
        let ground = try Ground()
        _ = try ground.link.offer(ground.path(one))
        try ground.link.takeBack()
        try ground.link.settle()
        #expect(try ground.link.recover() == PlaceState())
        #expect((try? ground.target(ground.link.path)) == nil)
    }

    @Test func aFallBackLeadsToWhatServedBeforeIfItIsThere() throws {
        let ground = try Ground()
        for digest in [one, two] {
            _ = try ground.link.offer(ground.path(digest))
            try ground.link.keep()
        }
        try ground.link.fallBack(from: three)
        #expect(try ground.link.recover().digest == two)
        try ground.link.fallBack(from: two)
        #expect(try ground.link.recover().digest == one)
        _ = try ground.link.offer(ground.path(two))
        try ground.link.keep()
        try FileManager.default.removeItem(atPath: ground.path(one))
        try ground.link.fallBack(from: two)
        #expect(try ground.link.recover().digest == two)
    }

    @Test func whatIsNoLinkIsNotTouched() throws {
        let ground = try Ground()
        try FileManager.default.createDirectory(atPath: ground.link.path, withIntermediateDirectories: false)
        #expect(throws: PlaceError.self) { try ground.link.offer(ground.path(one)) }
        #expect(throws: PlaceError.self) { try ground.link.recover() }
        #expect(FileManager.default.fileExists(atPath: ground.link.path))
    }

    @Test func aNumberIsGivenOnceAndTheOneBeforeGoesWhenTheNextIsKept() throws {
        let ground = try Ground()
        #expect(try ground.numbered.offer(ground.path(one)) == 1)
        try ground.numbered.keep()
        #expect(try ground.numbered.offer(ground.path(two)) == 2)
        #expect(ground.numbers == ["1", "2"])
        try ground.numbered.takeBack()
        #expect(ground.numbers == ["1"])
        #expect(try ground.numbered.offer(ground.path(three)) == 3)
        try ground.numbered.keep()
        #expect(ground.numbers == ["3"])
        #expect(try ground.numbered.recover() == PlaceState(digest: three, number: 3))
        try ground.numbered.fallBack(from: three)
        #expect(try ground.numbered.recover() == PlaceState(digest: one, number: 4))
        #expect(ground.numbers == ["4"])
    }

    @Test func numbersOfOthersAreCountedAndStay() throws {
        let ground = try Ground()
        for name in ["7", "007", "config.pbtxt", "12x"] {
            try FileManager.default.createDirectory(
                atPath: "\(ground.folder)/repository/\(name)", withIntermediateDirectories: false)
        }
        #expect(try ground.numbered.offer(ground.path(one)) == 8)
        try ground.numbered.keep()
        #expect(ground.numbers == ["007", "12x", "7", "8", "config.pbtxt"])
    }
}
