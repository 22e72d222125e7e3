import Glibc

/// The two streams: data goes to stdout, everything else to stderr.
enum Terminal {
    /// Whether stderr is a terminal that can redraw a line.
    static var canRedraw: Bool { isatty(STDERR_FILENO) == 1 && Environment.value("TERM") != "dumb" }

    /// Whether colour is wanted on stdout.
    static var hasColour: Bool {
        isatty(STDOUT_FILENO) == 1 && Environment.value("NO_COLOR") == nil && Environment.value("TERM") != "dumb"
    }

    /// A line of data. A reader that has gone ends the command quietly.
    static func print(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// A line for people.
    static func printError(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// For people, without a line's end.
    static func redraw(_ text: String) { write("\r\u{1B}[K" + text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                exit(errno == EPIPE ? 0 : 1)
            }
            rest = rest.dropFirst(count)
        }
    }
}
