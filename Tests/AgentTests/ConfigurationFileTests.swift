import EventLoop
import Handoff
import Rollout
import Testing
import Units

@testable import Agent

@Suite struct ConfigurationFileTests {
    private func read(_ text: String) throws(ConfigurationError) -> AgentConfiguration {
        var configuration = AgentConfiguration()
        try ConfigurationFile.apply(text, named: "shoal.toml", to: &configuration)
        return configuration
    }

    private func refused(_ text: String) -> String? {
        do throws(ConfigurationError) {
            _ = try read(text)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func everyKeyIsTaken() throws {
        let configuration = try read(
            """
            # a comment with listen = "elsewhere"
            listen = "127.0.0.1:9000"
            peers = ["berth:8000", "quay", "[::1]:9"]
            congestion_control = "bbr"

            [labels]
            zone = "north"
            rack = "r 1"

            [handoff]
            models = ["fish", "acme/detector"]
            load_deadline = "10m"
            calibration_deadline = "90s"

            [[handoff.allow]]
            uid = 1001
            models = ["acme/*"]
            """)
        #expect(configuration.listen.description == "127.0.0.1:9000")
        #expect(configuration.peers.map(\.description) == ["berth:8000", "quay:7447", "[::1]:9"])
        #expect(configuration.congestionControl == "bbr")
        #expect(configuration.labels == ["zone": "north", "rack": "r 1"])
        #expect(configuration.servedModels.map(\.text) == ["fish", "acme/detector"])
        #expect(configuration.switching.loadDeadline == .seconds(600))
        #expect(configuration.switching.checkDeadline == .seconds(90))
        let rule = try #require(configuration.handoffRules.first)
        let detector = try #require(ModelName("acme/detector"))
        let fish = try #require(ModelName("fish"))
        #expect(configuration.handoffRules.count == 1 && rule.userID == 1001)
        #expect(rule.covers(detector) && !rule.covers(fish))
    }

    @Test func anEmptyFileChangesNothing() throws {
        let configuration = try read("\n# nothing\n")
        #expect(configuration.listen.description == "0.0.0.0:7447" && configuration.peers.isEmpty)
        #expect(configuration.labels.isEmpty && configuration.handoffRules.isEmpty)
        #expect(configuration.congestionControl == nil && configuration.servedModels.isEmpty)
    }

    @Test(arguments: [
        ("listen = \"0.0.0.0\"\n  lissen = \"x\"\n", "shoal.toml:2:3:", "lissen"),
        ("[handoff]\nmodels = []\nmodel = []\n", "shoal.toml:3:1:", "handoff.model"),
        ("[[handoff.allow]]\nuid = 1\nmodels = []\nuser = 2\n", "shoal.toml:4:1:", "handoff.allow.user"),
        ("[lables]\nzone = \"a\"\n", "shoal.toml:1:2:", "lables"),
    ])
    func anUnknownKeyIsRefusedWithItsPlace(_ text: String, _ place: String, _ key: String) throws {
        let refusal = try #require(refused(text))
        #expect(refusal.hasPrefix(place) && refusal.contains("unknown key \(key);"), "\(refusal)")
    }

    @Test(arguments: [
        ("listen = 7447", "listen"), ("listen = \"here\"", "listen"), ("listen = \"127.0.0.1:99999\"", "listen"),
        ("peers = \"berth\"", "peers"), ("peers = [1]", "peers"), ("peers = [\"a b\"]", "peers"),
        ("congestion_control = true", "congestion_control"), ("labels = \"zone\"", "labels"),
        ("[labels]\nzone = 1", "zone"), ("handoff = 1", "handoff"), ("[handoff]\nload_deadline = 60", "load_deadline"),
        ("[handoff]\ncalibration_deadline = \"2d\"", "calibration_deadline"),
        ("[handoff]\nmodels = \"fish\"", "models"),
        ("[handoff]\nmodels = [\"current\"]", "models"), ("[handoff]\nallow = 1", "allow"),
        ("[handoff]\nallow = [1]", "allow"), ("[[handoff.allow]]\nmodels = []", "uid"),
        ("[[handoff.allow]]\nuid = -1\nmodels = []", "uid"), ("[[handoff.allow]]\nuid = \"root\"", "uid"),
        ("[[handoff.allow]]\nuid = 1", "models"), ("[[handoff.allow]]\nuid = 1\nmodels = [\"*/a\"]", "models"),
    ])
    func aValueOfTheWrongKindIsRefusedByItsKey(_ text: String, _ key: String) throws {
        let refusal = try #require(refused(text))
        #expect(refusal.hasPrefix("shoal.toml") && refusal.contains("\(key) must be"), "\(refusal)")
    }

    @Test func whatIsNoTOMLIsRefusedWithItsPlace() throws {
        let refusal = try #require(refused("listen = \"0.0.0.0\"\npeers = [\n"))
        #expect(refusal.hasPrefix("shoal.toml:3:") || refusal.hasPrefix("shoal.toml:2:"), "\(refusal)")
    }

    @Test func labelsBeyondWhatANeighbourAcceptsAreRefused() throws {
        let many = (0...Limits.labelCountMax).map { "key\($0) = \"v\"" }.joined(separator: "\n")
        #expect(refused("[labels]\n" + many)?.contains("at most \(Limits.labelCountMax) labels") == true)
        let long = String(repeating: "v", count: Limits.labelValueByteCountMax + 1)
        #expect(refused("[labels]\nzone = \"\(long)\"")?.hasPrefix("shoal.toml:2:1:") == true)
        let enough = (1...Limits.labelCountMax).map { "key\($0) = \"v\"" }.joined(separator: "\n")
        #expect(try read("[labels]\n" + enough).labels.count == Limits.labelCountMax)
    }

    @Test func anAdapterOfServersWithARepositoryIsTaken() throws {
        let configuration = try read(
            """
            [[handoff.adapter]]
            models = ["acme/detector"]
            kind = "v2"
            url = "http://127.0.0.1:8080"

            [[handoff.adapter]]
            models = ["acme/*", "fish"]
            kind = "v2"
            url = "https://triton:8000/base"
            name = "{model}"
            layout = "numbered"
            path = "/srv/repository/{model}"
            headers = { Authorization = "Bearer x" }
            """)
        #expect(configuration.adapters.count == 2)
        guard case .v2(let first)? = configuration.adapters.first?.kind,
            case .v2(let second)? = configuration.adapters.last?.kind
        else { throw Unexpected() }
        #expect(first.url == "http://127.0.0.1:8080" && first.model == "{name}" && first.layout == .link)
        #expect(first.path == nil && first.headers.isEmpty)
        #expect(second.model == "{model}" && second.layout == .numbered)
        #expect(second.path == "/srv/repository/{model}" && second.headers == ["Authorization": "Bearer x"])
        let detector = try #require(ModelName("acme/detector"))
        #expect(configuration.adapters.first { $0.covers(detector) }?.models.count == 1)
    }

    private struct Unexpected: Error {}

    @Test func anAdapterThatStartsProcessesIsTaken() throws {
        let configuration = try read(
            """
            [[handoff.adapter]]
            models = ["acme/*"]
            kind = "process"
            command = ["server", "--model", "{path}", "--port", "{port}"]
            health = "http://127.0.0.1:{port}/health"
            switch = ["move", "{digest}", "{version}", "{variant}", "{name}"]
            ports = [9001, 9002]
            environment = { CACHE = "/var/cache/{model}" }
            folder = "/srv"
            drain = "30s"
            stop = "1m"

            [[handoff.adapter]]
            models = ["fish"]
            kind = "process"
            command = ["server"]
            health = "http://127.0.0.1:{port}/"
            exclusive = true
            ports = [9001]
            """)
        guard case .process(let first)? = configuration.adapters.first?.kind,
            case .process(let second)? = configuration.adapters.last?.kind
        else { throw Unexpected() }
        #expect(first.command == ["server", "--model", "{path}", "--port", "{port}"])
        #expect(first.switchCommand.count == 5 && first.ports == [9001, 9002] && !first.isExclusive)
        #expect(first.environment == ["CACHE": "/var/cache/{model}"] && first.folder == "/srv")
        #expect(first.drain == .seconds(30) && first.stop == .seconds(60))
        #expect(second.isExclusive && second.switchCommand.isEmpty && second.drain == .seconds(10))
    }

    @Test func theOtherAdaptersAreTaken() throws {
        let configuration = try read(
            """
            [[handoff.adapter]]
            models = ["a"]
            kind = "version-directory"
            url = "http://127.0.0.1:8501"
            path = "/srv/models/a"
            reload = "/v1/config/reload"

            [[handoff.adapter]]
            models = ["b"]
            kind = "http"
            url = "http://127.0.0.1:9000/handoff"

            [[handoff.adapter]]
            models = ["c"]
            kind = "exec"
            command = ["switch", "", "x"]
            """)
        guard configuration.adapters.count == 3, case .versionDirectory(let folder) = configuration.adapters[0].kind,
            case .http(let message) = configuration.adapters[1].kind,
            case .exec(let command) = configuration.adapters[2].kind
        else { throw Unexpected() }
        #expect(folder.path == "/srv/models/a" && folder.reloadPath == "/v1/config/reload" && folder.model == "{name}")
        #expect(message.url == "http://127.0.0.1:9000/handoff")
        #expect(command.command == ["switch", "", "x"] && command.path == nil)
    }

    @Test(arguments: [
        ("", "kind must be one of v2"), ("kind = \"v3\"", "kind must be one of v2"),
        ("kind = \"v2\"", "url must be a URL"), ("kind = \"v2\"\nurl = \"file:///x\"", "url must be a URL"),
        ("kind = \"v2\"\nurl = \"http://h\"\ncolour = 1", "unknown key handoff.adapter.colour"),
        ("kind = \"v2\"\nurl = \"http://h\"\nlayout = \"flat\"", "layout must be"),
        ("kind = \"v2\"\nurl = \"http://h\"\nlayout = \"numbered\"", "path must be given"),
        ("kind = \"v2\"\nurl = \"http://h\"\npath = \"links/x\"", "path must be an absolute path"),
        ("kind = \"v2\"\nurl = \"http://h\"\npath = \"/a/../b\"", "path must be an absolute path"),
        ("kind = \"v2\"\nurl = \"http://h\"\nname = \"{modle}\"", "without {modle}"),
        ("kind = \"v2\"\nurl = \"http://h\"\nheaders = [1]", "headers must be"),
        ("kind = \"v2\"\nurl = \"http://h/{port}\"", "without {port}"),
        ("kind = \"version-directory\"\nurl = \"http://h\"", "path must be given"),
        ("kind = \"version-directory\"\nurl = \"http://h\"\npath = \"/p\"\nreload = \"x\"", "reload must be"),
        ("kind = \"http\"\nurl = \"http://h\"\npath = \"/x\"", "unknown key handoff.adapter.path"),
        ("kind = \"exec\"", "command must be a list"), ("kind = \"exec\"\ncommand = []", "command must be a list"),
        ("kind = \"exec\"\ncommand = \"x\"", "command must be a list"),
        ("kind = \"exec\"\ncommand = [\"\"]", "command must be a list"),
        ("kind = \"exec\"\ncommand = [\"x\", \"{port}\"]", "without {port}"),
        ("kind = \"process\"\ncommand = [\"x\"]", "health must be a URL"),
        ("kind = \"process\"\ncommand = [\"x\"]\nhealth = \"http://h\"\nports = [1]", "ports must be"),
        ("kind = \"process\"\ncommand = [\"x\"]\nhealth = \"http://h\"\nports = [1, 70000]", "ports must be"),
        ("kind = \"process\"\ncommand = [\"x\"]\nhealth = \"http://h\"\ndrain = 5", "drain must be"),
        ("kind = \"process\"\ncommand = [\"x\"]\nhealth = \"http://h\"\nexclusive = 1", "exclusive must be"),
    ])
    func anAdapterThatCannotWorkIsRefused(_ text: String, _ words: String) throws {
        let refusal = try #require(refused("[[handoff.adapter]]\nmodels = [\"a\"]\n" + text))
        #expect(refusal.contains(words) && refusal.hasPrefix("shoal.toml:"), "\(refusal)")
    }

    @Test func anAdapterOfSeveralModelsNeedsAPathOfEach() throws {
        let text = "[[handoff.adapter]]\nmodels = [\"a/*\"]\nkind = \"v2\"\nurl = \"http://h\"\n"
        #expect(refused(text + "path = \"/srv/one\"")?.contains("path must be different for each model") == true)
        #expect(refused(text + "path = \"/srv/{model}\"") == nil)
        #expect(refused(text + "name = \"x\"")?.contains("name must be different for each model") == true)
        #expect(refused(text.replacing("[\"a/*\"]", with: "[]"))?.contains("models must be") == true)
    }
}
