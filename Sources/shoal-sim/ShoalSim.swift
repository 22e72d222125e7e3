import ArgumentParser

@main
struct ShoalSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal-sim",
        abstract: "Runs the agents' swarm logic on a simulated network.",
        subcommands: [Run.self], defaultSubcommand: Run.self)
}
