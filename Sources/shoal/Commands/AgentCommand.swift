import Agent
import ArgumentParser
import Control
import EventLoop
import Glibc
import Units

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Run the agent until SIGTERM or SIGINT.",
        discussion: """
            Options on the command line come before those of the file. Logs are one event a line on stderr. Exits \
            with 78 if the configuration or the state folder cannot be used.
            """)

    @Option(name: .long, help: ArgumentHelp("Address to listen on. Without it: 0.0.0.0:7447.", valueName: "ip:port"))
    var listen: String?
    @Option(name: .long, help: ArgumentHelp("An agent to connect to; may be repeated.", valueName: "host:port"))
    var peer: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Where this node stands: region, zone, rack, host; may be repeated.", valueName: "key=value")
    )
    var label: [String] = []
    @Option(name: .long, help: ArgumentHelp("A TOML file; the README lists its keys.", valueName: "file"))
    var config: String?
    @Flag(name: .long, help: "Log what is of use only for finding faults.")
    var verbose = false
    @OptionGroup var agent: StateOptions

    func run() async throws {
        do {
            let configuration = try effectiveConfiguration()
            try await AgentService.run(
                .init(
                    statePath: agent.statePath, controlPath: agent.controlPath, configuration: configuration,
                    isVerbose: verbose))
        } catch let error as ConfigurationError {
            throw Self.end(ControlError(.badConfiguration, error.description))
        } catch let error as ControlError {
            throw Self.end(error)
        }
    }

    private static func end(_ error: ControlError) -> ExitCode {
        Terminal.printError("shoal: \(error)")
        return ExitCode(error.exit.rawValue)
    }

    private func effectiveConfiguration() throws -> AgentConfiguration {
        var configuration = AgentConfiguration()
        if let config {
            try ConfigurationFile.apply(try TextFile.read(config), named: config, to: &configuration)
        }
        if let listen {
            guard let endpoint = Endpoint(parsing: listen, defaultPort: Limits.defaultPort) else {
                throw ControlError(.wrongUsage, "--listen is IP:PORT, not \(listen)")
            }
            configuration.listen = endpoint
        }
        for text in peer {
            guard let parsed = HostPort(text, defaultPort: Limits.defaultPort) else {
                throw ControlError(.wrongUsage, "--peer is HOST:PORT, not \(text)")
            }
            configuration.peers.append(parsed)
        }
        for text in label {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ControlError(.wrongUsage, "--label is KEY=VALUE, not \(text)")
            }
            do throws(ConfigurationError) {
                try configuration.setLabel(String(text[..<equals]), to: String(text[text.index(after: equals)...]))
            } catch {
                throw ControlError(.wrongUsage, "--label: \(error)")
            }
        }
        return configuration
    }
}

/// A small file that the user names.
enum TextFile {
    private static let byteCountMax = 1 << 20

    static func read(_ path: String) throws(ControlError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ControlError(.badConfiguration, "cannot read \(path): \(unsafe String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: byteCountMax)
        var count = 0
        while count < bytes.count {
            let got = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            guard got > 0 else { break }
            count += got
        }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw ControlError(.badConfiguration, "\(path) is not UTF-8")
        }
        return text
    }
}
