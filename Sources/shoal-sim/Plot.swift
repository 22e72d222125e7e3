import Simulator

/// A picture of a run: the completion curve above, the links' use over time below.
struct Plot {
    private struct Series {
        let name: String
        let colour: String
        let points: [(x: Double, y: Double)]
    }

    private struct Panel {
        let top: Double
        let title: String
        let series: [Series]
    }

    private let report: SimulationReport
    private let title: String
    private let width = 760.0
    private let left = 64.0
    private let right = 24.0
    private let panelHeight = 190.0
    private let secondsMax: Double

    init(_ report: SimulationReport, title: String) {
        self.report = report
        self.title = title
        let last = max(report.completionSeconds.last ?? 0, report.limitSeconds)
        let marks = Plot.ticks(upTo: last * 1.03)
        secondsMax = max(last * 1.03, marks.last ?? 1)
    }

    var svg: String {
        let panels = [
            Panel(top: 70, title: "Nodes that have everything, per cent", series: [completion]),
            Panel(top: 70 + panelHeight + 76, title: "Use of the links, per cent of what they carry", series: use),
        ]
        let height = 70 + 2 * panelHeight + 76 + 84
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(fixed(width)) \(fixed(height))\" "
                + "width=\"\(fixed(width))\" height=\"\(fixed(height))\" "
                + "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#333\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
            text(title, x: left, y: 26, size: 16, weight: "bold"),
            text(subtitle, x: left, y: 45, size: 12, colour: "#666"),
        ]
        for panel in panels { parts += draw(panel) }
        parts.append("</svg>")
        return parts.joined(separator: "\n") + "\n"
    }

    private var subtitle: String {
        let last = report.completionSeconds.last ?? 0
        return "limit \(fixed(report.limitSeconds)) s, last node \(fixed(last)) s (\(fixed(report.lastOverLimit)) "
            + "of the limit), seed \(fixed(report.seedCopies)) copies"
    }

    // MARK: What is drawn

    private var completion: Series {
        let all = Double(max(1, report.completionSeconds.count))
        var points = [(x: 0.0, y: 0.0)]
        for (place, seconds) in report.completionSeconds.enumerated() {
            points.append((seconds, Double(place) / all))
            points.append((seconds, Double(place + 1) / all))
        }
        return Series(name: "complete", colour: "#1b6ca8", points: points)
    }

    private var use: [Series] {
        [
            ("the seed's uplink", "#c0392b", report.linkUse.seedUp),
            ("other uplinks", "#1b6ca8", report.linkUse.nodesUp),
            ("other downlinks", "#27905b", report.linkUse.nodesDown),
            ("between racks", "#8e5ea2", report.linkUse.racks),
        ]
        .filter { !$0.2.isEmpty }
        .map { name, colour, shares in
            let points = shares.enumerated().map { place, share in
                ((Double(place) + 0.5) * report.linkUse.stepSeconds, min(1, share))
            }
            return Series(name: name, colour: colour, points: points.filter { $0.0 <= secondsMax })
        }
    }

    // MARK: Drawing

    private func draw(_ panel: Panel) -> [String] {
        let bottom = panel.top + panelHeight
        var parts = [text(panel.title, x: left, y: panel.top - 8, size: 12, weight: "bold")]
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let y = bottom - share * panelHeight
            parts.append(line(from: (left, y), to: (width - right, y), colour: "#e3e3e3"))
            parts.append(text("\(Int(share * 100))", x: left - 8, y: y + 4, size: 11, anchor: "end"))
        }
        for seconds in Plot.ticks(upTo: secondsMax) {
            parts.append(line(from: (x(seconds), bottom), to: (x(seconds), bottom + 5), colour: "#888"))
            parts.append(text(Plot.short(seconds), x: x(seconds), y: bottom + 18, size: 11, anchor: "middle"))
        }
        parts.append(text("seconds", x: width - right, y: bottom + 32, size: 11, anchor: "end"))
        let limit = x(report.limitSeconds)
        parts.append(line(from: (limit, panel.top), to: (limit, bottom), colour: "#888", dashes: "4 4"))
        parts.append(text("limit", x: limit - 4, y: panel.top + 12, size: 11, colour: "#666", anchor: "end"))
        for series in panel.series { parts.append(curve(series, bottom: bottom)) }
        var legend = left
        for series in panel.series where panel.series.count > 1 {
            parts.append(
                line(from: (legend, bottom + 30), to: (legend + 18, bottom + 30), colour: series.colour, width: 2))
            parts.append(text(series.name, x: legend + 23, y: bottom + 34, size: 11))
            legend += 48 + Double(series.name.count) * 6
        }
        return parts
    }

    private func x(_ seconds: Double) -> Double { left + seconds / secondsMax * (width - left - right) }

    private func curve(_ series: Series, bottom: Double) -> String {
        let points = series.points.map { "\(fixed(x($0.x))),\(fixed(bottom - $0.y * panelHeight))" }
        return "<polyline fill=\"none\" stroke=\"\(series.colour)\" stroke-width=\"1.6\" stroke-linejoin=\"round\" "
            + "points=\"\(points.joined(separator: " "))\"/>"
    }

    private func line(
        from start: (Double, Double), to end: (Double, Double), colour: String, width: Double = 1, dashes: String? = nil
    ) -> String {
        "<line x1=\"\(fixed(start.0))\" y1=\"\(fixed(start.1))\" x2=\"\(fixed(end.0))\" y2=\"\(fixed(end.1))\" "
            + "stroke=\"\(colour)\" stroke-width=\"\(fixed(width))\""
            + (dashes.map { " stroke-dasharray=\"\($0)\"" } ?? "")
            + "/>"
    }

    private func text(
        _ text: String, x: Double, y: Double, size: Int, colour: String = "#333", weight: String = "normal",
        anchor: String = "start"
    ) -> String {
        let escaped = text.map { $0 == "<" ? "&lt;" : $0 == "&" ? "&amp;" : String($0) }.joined()
        return "<text x=\"\(fixed(x))\" y=\"\(fixed(y))\" font-size=\"\(size)\" fill=\"\(colour)\" "
            + "font-weight=\"\(weight)\" text-anchor=\"\(anchor)\">\(escaped)</text>"
    }

    /// Round numbers from 0 on, five to ten of them.
    static func ticks(upTo end: Double) -> [Double] {
        guard end > 0, end.isFinite else { return [0] }
        var step = 1e-4
        for factor in [2, 2.5, 2].cycled(to: 60) {
            if end / step <= 10 { break }
            step *= factor
        }
        return (0...Int(end / step)).map { Double($0) * step }
    }

    static func short(_ value: Double) -> String {
        var text = fixed(value)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}

extension [Double] {
    /// The elements again and again.
    fileprivate func cycled(to count: Int) -> [Double] { (0..<count).map { self[$0 % self.count] } }
}
