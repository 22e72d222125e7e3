import EventLoop
import Glibc
import Units

/// Where a server reads a model: a name, in a folder of its own, that leads to a version's folder in the store. It is
/// moved before a load and back when the load fails, so that the server finds what serves whenever it starts.
///
/// What has to be known after a crash is written down first, in the agent's own folder, where no server looks.
/// All calls block.
protocol ServerPlace: Sendable {
    /// Takes back what was begun and not finished, and says what the place leads to.
    func recover() throws(PlaceError) -> PlaceState
    /// Leads to another folder from now on. Unfinished, whatever happens, until `keep` or `settle`.
    /// - Returns: the number under which the server will know it, where it counts.
    func offer(_ folder: String) throws(PlaceError) -> Int?
    /// The server serves what was offered.
    func keep() throws(PlaceError)
    /// Leads to what it did before. Does nothing if nothing is unfinished.
    func takeBack() throws(PlaceError)
    /// After `takeBack`: the server serves what the place leads to, or nothing.
    func settle() throws(PlaceError)
    /// Leads to what served before, if it leads to this version and that is still there.
    func fallBack(from digest: Digest) throws(PlaceError)
}

/// What a place leads to.
struct PlaceState: Hashable, Sendable {
    /// The version; nil for nothing, or for what is none of the store's.
    var digest: Digest?
    /// Its number, where the server counts.
    var number: Int?
    /// False if a load was begun of which nobody knows what the server made.
    var isSure = true
}

/// Why a place cannot be moved.
struct PlaceError: Error, CustomStringConvertible {
    let description: String

    /// Of the system call that failed last.
    init(_ operation: String, _ path: String) {
        let code = errno
        let words = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "unknown error"
        description = "\(operation) \(path): \(words) (errno \(code))"
    }

    init(_ words: String) { description = words }
}

/// Symbolic links, as small files whose content changes in one step.
enum LinkText {
    /// Nil if there is nothing.
    static func read(_ path: String) throws(PlaceError) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(path, &buffer, buffer.count)
        if count >= 0 { return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        if errno == ENOENT { return nil }
        guard errno == EINVAL else { throw PlaceError("read", path) }
        throw PlaceError("\(path) is in the way and is no symbolic link: move it away")
    }

    /// Atomic: whoever looks finds the old text or the new one. Durable on return.
    static func write(_ text: String, to path: String) throws(PlaceError) {
        let (folder, name) = split(path)
        let passing = "\(folder)/.\(name).new"
        guard unsafe unlink(passing) == 0 || errno == ENOENT else { throw PlaceError("remove", passing) }
        guard unsafe symlink(text, passing) == 0 else { throw PlaceError("make", passing) }
        guard unsafe rename(passing, path) == 0 else { throw PlaceError("rename to", path) }
        try synchronize(folder)
    }

    static func remove(_ path: String) throws(PlaceError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw PlaceError("remove", path) }
        try synchronize(split(path).folder)
    }

    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private static func synchronize(_ folder: String) throws(PlaceError) {
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PlaceError("open", folder) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw PlaceError("synchronize", folder) }
    }
}

/// What an agent writes down about one place, each word in a link of its own.
struct PlaceBook: Hashable, Sendable {
    /// The path in front of each word.
    let prefix: String

    /// What the place led to, while something is offered; `nothing` if to nothing.
    var unfinished: String { "\(prefix).unfinished" }
    /// What served before.
    var previous: String { "\(prefix).previous" }
    /// The highest number ever given.
    var number: String { "\(prefix).number" }

    static let nothing = "-"
}

/// Paths in the store, as links to them are written and read.
struct StoreFolders: Hashable, Sendable {
    /// The agent's state folder, absolute.
    let state: String

    /// How a link in `folder` names a version's folder: relatively within the state folder, so that it holds wherever a
    /// container sees it.
    func target(_ version: String, from folder: String) -> String {
        let base = state + "/"
        guard version.hasPrefix(base), folder.hasPrefix(base) else { return version }
        let depth = folder.dropFirst(base.count).split(separator: "/").count
        return String(repeating: "../", count: depth) + version.dropFirst(base.count)
    }

    /// The version that a link names: the part after `versions`.
    static func digest(of target: String) -> Digest? {
        let parts = target.split(separator: "/")
        guard let index = parts.lastIndex(of: "versions"), index + 1 < parts.count else { return nil }
        return Digest(hex: parts[index + 1])
    }

    /// Whether there is a folder where the link, which lies in `folder`, leads.
    static func exists(_ target: String, from folder: String) -> Bool {
        var status = stat()
        let path = target.hasPrefix("/") ? target : "\(folder)/\(target)"
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// One link.
struct LinkPlace: ServerPlace, Hashable {
    let path: String
    let book: PlaceBook
    let folders: StoreFolders

    private var folder: String { LinkText.split(path).folder }

    func recover() throws(PlaceError) -> PlaceState {
        let isSure = try LinkText.read(book.unfinished) == nil
        try takeBack()
        return PlaceState(digest: try LinkText.read(path).flatMap { StoreFolders.digest(of: $0) }, isSure: isSure)
    }

    func offer(_ version: String) throws(PlaceError) -> Int? {
        try takeBack()
        try LinkText.write(try LinkText.read(path) ?? PlaceBook.nothing, to: book.unfinished)
        try LinkText.write(folders.target(version, from: folder), to: path)
        return nil
    }

    func keep() throws(PlaceError) {
        guard let before = try LinkText.read(book.unfinished) else { return }
        if before != PlaceBook.nothing, before != (try LinkText.read(path)) {
            try LinkText.write(before, to: book.previous)
        }
        try LinkText.remove(book.unfinished)
    }

    func takeBack() throws(PlaceError) {
        guard let before = try LinkText.read(book.unfinished) else { return }
        if before == PlaceBook.nothing { try LinkText.remove(path) } else { try LinkText.write(before, to: path) }
    }

    func settle() throws(PlaceError) { try LinkText.remove(book.unfinished) }

    func fallBack(from digest: Digest) throws(PlaceError) {
        try takeBack()
        guard let now = try LinkText.read(path), StoreFolders.digest(of: now) == digest,
            let before = try LinkText.read(book.previous), StoreFolders.digest(of: before) != digest,
            StoreFolders.exists(before, from: folder)
        else { return }
        try LinkText.write(before, to: path)
    }
}

/// Numbers in a folder, of which the server takes the highest: each a link, and each number given once.
struct NumberedPlace: ServerPlace, Hashable {
    let folder: String
    let book: PlaceBook
    let folders: StoreFolders

    func recover() throws(PlaceError) -> PlaceState {
        try takeBack()
        guard let highest = try numbers().last else { return PlaceState() }
        let target = try? LinkText.read(path(highest))
        return PlaceState(digest: target.flatMap { StoreFolders.digest(of: $0) }, number: highest)
    }

    func offer(_ version: String) throws(PlaceError) -> Int? {
        try takeBack()
        let given = try LinkText.read(book.number).flatMap { Int($0) } ?? 0
        let number = max(given, try numbers().last ?? 0) + 1
        try LinkText.write(String(number), to: book.number)
        try LinkText.write(String(number), to: book.unfinished)
        try LinkText.write(folders.target(version, from: folder), to: path(number))
        return number
    }

    /// What was there goes, so that the server lets go of it; whatever is none of ours stays.
    func keep() throws(PlaceError) {
        guard let kept = try LinkText.read(book.unfinished) else { return }
        for number in try numbers() where String(number) != kept {
            guard let target = try? LinkText.read(path(number)), StoreFolders.digest(of: target) != nil else {
                continue
            }
            try LinkText.write(target, to: book.previous)
            try LinkText.remove(path(number))
        }
        try LinkText.remove(book.unfinished)
    }

    func takeBack() throws(PlaceError) {
        guard let offered = try LinkText.read(book.unfinished) else { return }
        if let number = Int(offered) { try LinkText.remove(path(number)) }
        try LinkText.remove(book.unfinished)
    }

    /// A number that is gone is served no more, whoever ended when.
    func settle() {}

    func fallBack(from digest: Digest) throws(PlaceError) {
        try takeBack()
        guard let highest = try numbers().last, let now = try? LinkText.read(path(highest)),
            StoreFolders.digest(of: now) == digest, let before = try LinkText.read(book.previous),
            StoreFolders.digest(of: before) != digest, StoreFolders.exists(before, from: folder)
        else { return }
        let number = max(highest, try LinkText.read(book.number).flatMap { Int($0) } ?? 0) + 1
        try LinkText.write(String(number), to: book.number)
        try LinkText.write(before, to: path(number))
        try LinkText.remove(path(highest))
    }

    private func path(_ number: Int) -> String { "\(folder)/\(number)" }

    /// All that a server would take for a version, in order.
    private func numbers() throws(PlaceError) -> [Int] {
        guard let list = unsafe opendir(folder) else { throw PlaceError("list", folder) }
        defer { unsafe _ = closedir(list) }
        var found: [Int] = []
        while let entry = unsafe readdir(list) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int(name), String(number) == name, number >= 0 { found.append(number) }
        }
        return found.sorted()
    }
}

/// A place, off the loop.
@LoopActor final class PlaceKeeper {
    private let place: any ServerPlace
    /// What it led to when it was looked at last, and what it may lead to.
    private(set) var named: Set<Digest> = []

    init(_ place: any ServerPlace) { self.place = place }

    func recover() async throws(ServerFault) -> PlaceState {
        let state = try await run { place throws(PlaceError) in try place.recover() }
        named = Set([state.digest].compactMap(\.self))
        return state
    }

    func offer(_ load: HandoffLoad) async throws(ServerFault) -> Int? {
        named.insert(load.digest)
        return try await run { place throws(PlaceError) in try place.offer(load.path) }
    }

    func keep(_ digest: Digest) async throws(ServerFault) {
        try await run { place throws(PlaceError) in try place.keep() }
        named = [digest]
    }

    func takeBack() async throws(ServerFault) -> PlaceState { try await recover() }

    /// Takes back what was offered where the server has certainly not taken it.
    func giveUp() async {
        guard (try? await takeBack()) != nil else { return }
        try? await settle()
    }

    func settle() async throws(ServerFault) {
        try await run { place throws(PlaceError) in try place.settle() }
    }

    func fallBack(from digest: Digest) async throws(ServerFault) {
        try await run { place throws(PlaceError) in try place.fallBack(from: digest) }
        _ = try await recover()
    }

    /// A place that cannot be moved says nothing about a version.
    private func run<T: Sendable>(
        _ work: @escaping @Sendable (any ServerPlace) throws(PlaceError) -> T
    ) async throws(ServerFault) -> T {
        let place = place
        do {
            return try await ThreadPool.run { try work(place) }
        } catch {
            throw .refused(HandoffFailure(.internal, plainText("\(error)"), isRetryable: true))
        }
    }
}
