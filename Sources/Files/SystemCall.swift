internal import Glibc

/// One descriptor, closed when the last user lets go of it.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// What an error is about. Costs nothing as long as there is none.
struct Subject {
    private enum Place {
        case inside(StorePath)
        case outside(String)
    }

    let operation: FileOperation
    private let place: Place

    init(_ operation: FileOperation, _ path: StorePath) {
        self.operation = operation
        place = .inside(path)
    }

    init(_ operation: FileOperation, _ path: String) {
        self.operation = operation
        place = .outside(path)
    }

    var path: String {
        switch place {
        case .inside(let path): path.description
        case .outside(let path): path
        }
    }
}

/// Throws what one of CLinux's calls returned, unless that is success.
@discardableResult
func check<Value: SignedInteger>(_ result: Value, _ subject: Subject) throws(FileError) -> Value {
    if result < 0 { throw FileError(errno: Int32(-result), subject.operation, subject.path) }
    return result
}

/// Makes one of libc's calls, again when a signal interrupts it, and throws `errno` when it returns a negative number.
@discardableResult
func call<Value: SignedInteger>(_ subject: Subject, _ body: () -> Value) throws(FileError) -> Value {
    while true {
        let result = body()
        if result >= 0 { return result }
        if errno != EINTR { throw FileError(errno: errno, subject.operation, subject.path) }
    }
}
