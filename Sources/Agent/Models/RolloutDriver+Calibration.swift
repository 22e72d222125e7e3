internal import EventLoop
internal import Handoff
internal import Manifest
internal import Rollout
internal import Units

/// Candidates that prove themselves: the process runs the inputs, the agent judges.
extension RolloutDriver {
    func check(
        _ version: RolloutVersion, on instance: RolloutInstance, beside: Digest?, _ deadline: Duration,
        _ model: ModelName
    ) {
        guard let process = processes[instance]?.handle else { return }
        checkCount += 1
        jobs.start("check \(checkCount)") { [self] in
            do {
                server?.calibrate(
                    process, try await calibrations.begin(version, on: process, beside: beside, within: deadline))
            } catch {
                let fault = RolloutFault("\(error)", isTheVersions: false)
                handle(.checkFailed(instance, version.digest, fault), for: model)
            }
        }
    }

    /// The outputs are read on the pool.
    func judge(_ report: HandoffCalibrationReport, of digest: Digest, on instance: HandoffInstance) {
        checkCount += 1
        jobs.start("judge \(checkCount)") { [self] in
            switch await calibrations.judge(report, on: instance) {
            case .passed: tell(instance) { .checked($0, digest) }
            case .failed(let fault): tell(instance) { .checkFailed($0, digest, fault) }
            case .again(let request): server?.calibrate(instance, request)
            }
        }
    }
}

extension RolloutFault {
    /// What a process answered, or left unanswered.
    init(_ failure: HandoffFailure) {
        self.init(failure.description, isTheVersions: !failure.isRetryable)
    }
}

extension RolloutCounts {
    /// Nil where the process does not count.
    init?(_ report: HandoffReport) {
        guard let requests = report.requestCount, let errors = report.errorCount, requests >= 0, errors >= 0 else {
            return nil
        }
        let inFlight = min(max(0, report.inFlightCount ?? 0), requests)
        self.init(requests: requests, errors: errors, inFlight: inFlight, busy: report.busy)
    }
}

extension RolloutTrial {
    /// What a manifest's gates ask for; an obstacle if they are not understood here.
    init(of manifest: Manifest) {
        do throws(GateError) {
            self = RolloutTrial(by: try Gates(manifest.gates))
        } catch {
            self = RolloutTrial(isCalibrated: false, watch: .zero, errorShareMax: 1, obstacle: "\(error)")
        }
    }

    private init(by gates: Gates) {
        self.init(
            isCalibrated: gates.calibration != nil,
            watch: .seconds(gates.watchSeconds ?? Limits.rolloutWatchSecondsDefault),
            errorShareMax: gates.watchErrorsMax ?? Double(Limits.rolloutErrorsPerMilleDefault) / 1_000,
            latencyRatioMax: gates.watchLatencyRatioMax ?? Limits.rolloutLatencyRatioDefault,
            stallMax: .seconds(gates.watchStallSeconds ?? Limits.rolloutStallSecondsDefault))
    }
}
