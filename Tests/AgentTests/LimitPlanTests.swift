import EventLoop
import FoundationEssentials
import Testing
import Trust
import Units

@testable import Agent

@Suite struct LimitPlanTests {
    private let upload = LimitKey(.upload)
    private let farUpload = LimitKey(.upload, of: .far)
    private let now = WallTime(secondsSince1970: 1_000_000)

    private func rate(_ text: String) throws -> LimitValue { try #require(LimitValue(text, for: .upload)) }

    @Test func theLastWhoSaysSomethingHasTheSay() throws {
        var plan = LimitPlan(configured: [upload: try rate("9 MB/s"), farUpload: try rate("3 MB/s")])
        plan.schedules = [
            LimitSchedule(from: 8 * 60, to: 18 * 60, values: [upload: try rate("2 MB/s")]),
            LimitSchedule(from: 12 * 60, to: 13 * 60, values: [upload: .unlimited]),
        ]
        func value(_ minute: Int) -> LimitsInForce.Entry? {
            plan.inForce(minuteOfDay: minute, now: now).entries[upload]
        }
        #expect(value(7 * 60 + 59) == .init(value: try rate("9 MB/s"), source: .configuration))
        #expect(value(8 * 60) == .init(value: try rate("2 MB/s"), source: .schedule("08:00-18:00")))
        #expect(value(12 * 60 + 30) == .init(value: .unlimited, source: .schedule("12:00-13:00")))
        #expect(value(18 * 60)?.source == .configuration)
        let until = now + .seconds(60)
        plan.orders = [LimitOrder(upload, try rate("1 MB/s"), until: until)]
        #expect(value(9 * 60) == .init(value: try rate("1 MB/s"), source: .command(until: until)))
        let later = plan.inForce(minuteOfDay: 9 * 60, now: until)
        #expect(later.entries[upload]?.source == .schedule("08:00-18:00"))
        #expect(later.entries[farUpload]?.source == .configuration)
    }

    @Test func aScheduleOverMidnightCoversTheEveningAndTheMorning() {
        let night = LimitSchedule(from: 22 * 60, to: 6 * 60, values: [:])
        #expect(night.covers(23 * 60) && night.covers(0) && night.covers(5 * 60 + 59))
        #expect(!night.covers(6 * 60) && !night.covers(21 * 60 + 59))
    }

    @Test func ratesAndPrioritiesAreByClassAndFallBackToTheNode() throws {
        let plan = LimitPlan(configured: [
            upload: try rate("9 MB/s"), farUpload: try rate("3 MB/s"), LimitKey(.download): .unlimited,
            LimitKey(.priority): .priority(.low), LimitKey(.priority, of: .rack): .priority(.normal),
        ])
        let inForce = plan.inForce(minuteOfDay: 0, now: now)
        #expect(inForce.rates(.upload).all?.bytesPerSecond == 9_000_000)
        #expect(inForce.rates(.upload).classes.mapValues(\.bytesPerSecond) == [.far: 3_000_000])
        #expect(inForce.rates(.download) == PaceRates())
        #expect(inForce.priority(of: .far) == .low && inForce.priority(of: .rack) == .normal)
        #expect(LimitsInForce().priority(of: .far) == .normal)
    }

    @Test func onlyASchedulesOrAnEndMakesThePlanDependOnTime() throws {
        var plan = LimitPlan(configured: [upload: try rate("9 MB/s")])
        plan.orders = [LimitOrder(upload, .unlimited, until: nil)]
        #expect(!plan.dependsOnTime)
        plan.orders = [LimitOrder(upload, .unlimited, until: now)]
        #expect(plan.dependsOnTime)
    }

    @Test func anOrderSurvivesItsFileAndOneOfALaterProgramIsPassedOver() throws {
        let order = LimitOrder(farUpload, try rate("1234567 B/s"), until: now)
        let bytes = try JSONEncoder().encode(order)
        #expect(try JSONDecoder().decode(LimitOrder.self, from: bytes) == order)
        #expect(order.key == farUpload)
        let strange = Data(#"{"what": "latency", "value": "1 s"}"#.utf8)
        let plan = LimitPlan(orders: [try JSONDecoder().decode(LimitOrder.self, from: strange), order])
        #expect(plan.inForce(minuteOfDay: 0, now: now + .seconds(-1)).entries.count == 1)
    }

    @Test func settingsOfAnEarlierProgramAreRead() throws {
        let old = Data(#"{"follows": [], "peers": [], "served": [], "fetched": {}, "wanted": []}"#.utf8)
        #expect(try JSONDecoder().decode(AgentSettings.self, from: old).limits == nil)
    }
}

@Suite struct LimitConfigurationTests {
    private func read(_ text: String) throws(ConfigurationError) -> AgentConfiguration {
        var configuration = AgentConfiguration()
        try ConfigurationFile.apply(text, named: "shoal.toml", to: &configuration)
        return configuration
    }

    private func refused(_ text: String) -> String {
        do throws(ConfigurationError) {
            _ = try read(text)
            return ""
        } catch {
            return error.description
        }
    }

    @Test func everyKeyIsTaken() throws {
        let configuration = try read(
            """
            [limits]
            upload = "20 MB/s"
            download = "unlimited"
            priority = "normal"
            [limits.far]
            upload = "5 MB/s"
            priority = "low"
            congestion_control = "bbr"
            [[limits.schedule]]
            from = "08:00"
            to = "18:30"
            upload = "2 MB/s"
            [limits.schedule.far]
            download = "1 MB/s"
            [[limits.schedule]]
            from = "22:00"
            to = "06:00"
            upload = "unlimited"
            """)
        #expect(configuration.limits.count == 5)
        #expect(configuration.limits[LimitKey(.upload)] == LimitValue("20 MB/s", for: .upload))
        #expect(configuration.limits[LimitKey(.download)] == .unlimited)
        #expect(configuration.limits[LimitKey(.priority, of: .far)] == .priority(.low))
        #expect(configuration.congestionControls == [.far: "bbr"])
        let first = try #require(configuration.limitSchedules.first)
        #expect(first.from == 480 && first.to == 1110 && first.values.count == 2)
        #expect(first.values[LimitKey(.download, of: .far)] == LimitValue("1 MB/s", for: .download))
        #expect(configuration.limitSchedules.last?.values == [LimitKey(.upload): .unlimited])
    }

    @Test(arguments: [
        ("[limits]\nupload = 20", "shoal.toml:2:1: upload must be a rate"),
        ("[limits]\nupload = \"20\"", "shoal.toml:2:1: upload must be a rate"),
        ("[limits]\nupload = \"10 kB/s\"", "at least 64 kB/s"),
        ("[limits]\npriority = \"high\"", "priority must be \"low\" or \"normal\""),
        ("[limits]\nuplaod = \"1 MB/s\"", "unknown key limits.uplaod"),
        ("[limits]\nupload = \"1 MB/s\"\n[limits.far]\nupload = \"1\"", "shoal.toml:4:1: upload must be"),
        ("[limits.far]\nspeed = \"1 MB/s\"", "unknown key limits.far.speed"),
        ("[limits.far]\ncongestion_control = \"bbrr\"", "shoal.toml:2:1: congestion_control must be"),
        ("congestion_control = \"bbrr\"", "shoal.toml:1:1: congestion_control must be"),
        ("[limits]\nfar = 1", "far must be a table"), ("limits = 1", "limits must be a table"),
        ("[limits]\nschedule = 1", "schedule must be a list"),
        ("[[limits.schedule]]\nfrom = \"8:00\"\nto = \"09:00\"", "from must be a time of day"),
        ("[[limits.schedule]]\nfrom = \"08:00\"\nto = \"24:00\"", "to must be a time of day"),
        ("[[limits.schedule]]\nfrom = \"08:00\"\nto = \"08:00\"", "to must be another time than from"),
        (
            "[[limits.schedule]]\nfrom = \"08:00\"\nto = \"09:00\"\n[[limits.schedule]]\nfrom = \"x\"",
            "shoal.toml:5:1: from must be"
        ),
    ])
    func whatIsWrongIsRefusedWithItsPlace(_ text: String, _ words: String) {
        #expect(refused(text).contains(words), "\(refused(text))")
    }

    @Test(arguments: ["zo ne = \"a\"", "\"a,b\" = \"c\"", "zone = \"a,b\"", "zone = \"\"", "zone = \"a\\nb\""])
    func aLabelThatNoSelectorCouldNameIsRefused(_ line: String) {
        #expect(!refused("[labels]\n\(line)").isEmpty)
    }
}
