import EventLoop
import Testing
import Units

@testable import Agent

@Suite @LoopActor struct AdmissionQuotaTests {
    private final class Socket {}

    private let near: IPAddress
    private let far: IPAddress
    private let loopback: IPAddress

    init() throws {
        near = try #require(IPAddress([10, 0, 0, 1]))
        far = try #require(IPAddress([10, 0, 0, 2]))
        loopback = try #require(IPAddress([127, 0, 0, 1]))
    }

    private func quota(_ all: Int, _ each: Int, _ patience: Duration = .seconds(60)) -> AdmissionQuota {
        AdmissionQuota(countMax: all, countPerAddressMax: each, patience: patience)
    }

    @Test func theOldestOfOneAddressMakesRoomForItsNext() {
        let quota = quota(10, 2)
        let sockets = (0..<4).map { _ in Socket() }
        var dropped: [Int] = []
        quota.admit(sockets[0], from: far) { dropped.append(0) }
        for index in 1...3 { quota.admit(sockets[index], from: near) { dropped.append(index) } }
        #expect(dropped == [1])
    }

    @Test func theOldestOfAllMakesRoomAndLoopbackCountsOnlyThere() {
        let quota = quota(3, 1)
        let sockets = (0..<4).map { _ in Socket() }
        var dropped: [Int] = []
        for index in 0..<4 { quota.admit(sockets[index], from: loopback) { dropped.append(index) } }
        #expect(dropped == [0])
    }

    @Test func whoProvedItselfIsNeverDropped() {
        let quota = quota(2, 2)
        let sockets = (0..<3).map { _ in Socket() }
        var dropped: [Int] = []
        quota.admit(sockets[0], from: near) { dropped.append(0) }
        quota.release(sockets[0])
        quota.release(sockets[0])
        for index in 1...2 { quota.admit(sockets[index], from: near) { dropped.append(index) } }
        #expect(dropped.isEmpty)
        quota.close()
        #expect(dropped == [1, 2])
    }

    @Test func whoTakesTooLongIsDroppedOnce() async throws {
        let quota = quota(4, 4, .milliseconds(5))
        let socket = Socket()
        var count = 0
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            quota.admit(socket, from: near) {
                count += 1
                done.resume()
            }
        }
        quota.release(socket)
        quota.close()
        #expect(count == 1)
    }
}
