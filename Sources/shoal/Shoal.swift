import ArgumentParser
import Crypto
import EventLoop

/// The root of the command line. There is no `--version` here: `--version` is a tag.
@main
struct Shoal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal",
        abstract: "Carries AI models to every node of a cluster and switches them in.",
        discussion: """
            A first node:  shoal init --cluster NAME --node NAME
                           shoal agent
            Another node:  shoal token create                     (on the first)
                           shoal join TOKEN --peer HOST:PORT
                           shoal agent
            A model:       shoal seed PATH --model NAME --version TAG
                           shoal follow NAME                      (elsewhere)
            Completions:   shoal --generate-completion-script bash, zsh or fish

            Exit codes: 0 done, 1 failed, 2 not there yet, 3 verification failed, \
            4 not found, 5 a gate failed, 64 wrong usage, 69 no agent answers, \
            75 try again, 77 not allowed, 78 bad configuration.
            """,
        subcommands: [
            InitCommand.self, TokenCommand.self, JoinCommand.self, AgentCommand.self, SeedCommand.self, GetCommand.self,
            FollowCommand.self, UnfollowCommand.self, ListCommand.self, ShowCommand.self, StatusCommand.self,
            PromoteCommand.self, RolloutCommand.self, HaltCommand.self, RollbackCommand.self, PinCommand.self,
            NodesCommand.self, HistoryCommand.self, RemoveCommand.self, CollectCommand.self, VerifyCommand.self,
            DenyCommand.self,
            RetryCommand.self, LimitCommand.self, VersionCommand.self,
        ]
    )

    /// Here rather than in a command, which runs on another thread.
    @MainActor static func main() async {
        Heap.settle()
        CryptoLibrary.settle()
        await main(nil)
    }
}
