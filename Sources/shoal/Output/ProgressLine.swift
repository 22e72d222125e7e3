import Control
import EventLoop
import Units

/// Shows how far something has come: a bar that is redrawn on a terminal, a line per tenth elsewhere.
@LoopActor
final class ProgressLine {
    private let canRedraw = Terminal.canRedraw
    private var lastDrawn: Instant?
    private var lastTenth = -1
    private var stage = ""
    private var isDrawn = false

    nonisolated init() {}

    func show(_ progress: ControlProgress) {
        if progress.stage != stage {
            stage = progress.stage
            lastTenth = -1
            lastDrawn = nil
        }
        if canRedraw { redraw(progress) } else { printTenth(progress) }
    }

    /// Leaves the terminal clean.
    func finish() {
        if isDrawn { Terminal.redraw("") }
        isDrawn = false
    }

    private func redraw(_ progress: ControlProgress) {
        let now = Clock.now()
        let isLast = progress.total > 0 && progress.done >= progress.total
        if let lastDrawn, now - lastDrawn < .milliseconds(100), !isLast { return }
        lastDrawn = now
        isDrawn = true
        Terminal.redraw("\(progress.stage) \(bar(progress)) \(amounts(progress))")
    }

    private func printTenth(_ progress: ControlProgress) {
        guard progress.total > 0 else { return }
        let tenth = Int(Double(progress.done) / Double(progress.total) * 10)
        guard tenth > lastTenth else { return }
        lastTenth = tenth
        Terminal.printError("\(progress.stage): \(tenth * 10) %, \(amounts(progress))")
    }

    private func bar(_ progress: ControlProgress) -> String {
        guard progress.total > 0 else { return "" }
        let filled = min(30, Int(30 * Double(progress.done) / Double(progress.total)))
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled) + "]"
    }

    private func amounts(_ progress: ControlProgress) -> String {
        guard progress.total > 0 else { return "" }
        return "\(Format.bytes(progress.done)) of \(Format.bytes(progress.total))"
    }
}
