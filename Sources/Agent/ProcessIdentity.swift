internal import Glibc

/// Whom this process runs as.
enum ProcessIdentity {
    static var userID: UInt32 { geteuid() }
}

extension Array where Element: Hashable {
    /// The first of each kind, in order.
    var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
