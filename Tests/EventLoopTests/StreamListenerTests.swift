import EventLoop
import Glibc
import Testing
import Units

@Suite struct StreamListenerTests {
    @Test @LoopActor func aUnixSocketTellsWhoConnects() async throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        let accepted = Promise<ByteStream>()
        let listener = try StreamListener.unix(path: path, mode: 0o660) { accepted.fulfil($0) }
        defer { listener.close() }
        let client = try await ByteStream.connect(unixPath: path, within: .seconds(5))
        defer { client.close() }
        let server = try await accepted.get()
        defer { server.close() }
        let expected = (getpid(), geteuid(), getegid())
        let found = try #require(server.peerCredentials)
        #expect((found.processID, found.userID, found.groupID) == expected)
        #expect(client.peerCredentials?.processID == getpid())
        #expect(client.peer == nil && listener.local == nil)
        let echoed = Promise<Int>()
        server.startReading(onBytes: { echoed.fulfil($0.byteCount) }, onEnd: { _ in })
        client.write([1, 2, 3])
        #expect(try await echoed.get() == 3)
    }

    @Test @LoopActor func theSocketFileHasItsModeAndGoesWithTheListener() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        let listener = try StreamListener.unix(path: path, mode: 0o660) { _ in }
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o660)
        listener.close()
        #expect(unsafe lstat(path, &status) == -1)
    }

    @Test @LoopActor func aStaleSocketFileIsReplacedAndALivingOneIsNot() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        try leaveStaleSocket(at: path)
        let listener = try StreamListener.unix(path: path, mode: 0o600) { _ in }
        defer { listener.close() }
        let error = #expect(throws: LoopError.self) {
            try StreamListener.unix(path: path, mode: 0o600) { _ in }
        }
        #expect(error?.code == .addressInUse)
    }

    @Test @LoopActor func aFileInTheWayIsNotRemoved() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/file"
        Glibc.close(unsafe creat(path, 0o600))
        let error = #expect(throws: LoopError.self) {
            try StreamListener.unix(path: path, mode: 0o600) { _ in }
        }
        #expect(error?.code == .addressInUse)
        #expect(unsafe access(path, F_OK) == 0)
    }

    @Test @LoopActor func aSocketPathOver107BytesIsRefusedByName() async throws {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        let listening = #expect(throws: LoopError.self) { try StreamListener.unix(path: path, mode: 0o600) { _ in } }
        #expect(listening?.code == .invalid)
        #expect(listening?.detail.contains("108 bytes") == true)
        let connecting = await #expect(throws: LoopError.self) {
            try await ByteStream.connect(unixPath: path, within: .seconds(1))
        }
        #expect(connecting?.code == .invalid)
    }

    @Test @LoopActor func connectingToAMissingSocketIsNotFound() async throws {
        let folder = try TemporaryFolder()
        let error = await #expect(throws: LoopError.self) {
            try await ByteStream.connect(unixPath: "\(folder.path)/socket", within: .seconds(1))
        }
        #expect(error?.code == .notFound)
    }

    @Test @LoopActor func aTakenPortIsReported() throws {
        let listener = try StreamListener.tcp(loopback()) { _ in }
        defer { listener.close() }
        let error = #expect(throws: LoopError.self) { try StreamListener.tcp(#require(listener.local)) { _ in } }
        #expect(error?.code == .addressInUse)
    }

    private func leaveStaleSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
    }
}
