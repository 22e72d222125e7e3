import ArgumentParser

@main
struct ShoalSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal-sim",
        abstract: "Runs the agents' logic on a simulated network.",
        subcommands: [Run.self, CampaignRun.self, FleetRun.self, RolloutsRun.self], defaultSubcommand: Run.self)
}
