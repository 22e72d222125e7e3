/// Bounds of what the nodes of a cluster say of themselves.
extension Limits {
    /// Nodes of which a status record is kept.
    public static let fleetNodeCountMax = 16_384
    /// Records that were not renewed for so long are forgotten.
    public static let statusLifetimeSeconds = 24 * 3_600
    /// From one record of a node to the next, without a change...
    public static let statusPauseMin = Duration.seconds(10)
    /// ... and for each node that it knows of, so that ten thousand of them send few kilobytes a second over each link.
    public static let statusPausePerNode = Duration.milliseconds(20)
    /// The same after a change...
    public static let statusChangePauseMin = Duration.milliseconds(250)
    /// ... and for each node.
    public static let statusChangePausePerNode = Duration.microseconds(250)
    /// How long what is new waits for more of it...
    public static let statusBatchPause = Duration.milliseconds(20)
    /// ... or for each node that is known of, whichever is longer: a tenth of a second where there are ten thousand.
    public static let statusBatchPausePerNode = Duration.microseconds(10)
    /// How long the name of a record that says nothing new waits for others at most...
    public static let statusRenewalPauseMax = Duration.seconds(2)
    /// ... and for how many of them, as often as they come.
    public static let statusRenewalCount = 16
    /// An answer to a question about a record.
    public static let statusAnswerPause = Duration.seconds(5)
    /// Neighbours that are remembered as having a record that is being asked for.
    public static let statusTellerCountMax = 4
    /// Names of records that one neighbour is sent at once, and in a second after that.
    public static let statusNewsBurst = 32
    /// See above.
    public static let statusNewsPerSecond = 128
    /// Questions that one neighbour is sent at once, and in a second after that. With the answers, and with names, they
    /// make at most 20 KB of any second.
    public static let statusQueryBurst = 12
    /// See above.
    public static let statusQueryPerSecond = 20
    /// Questions that wait to be put to one neighbour.
    public static let statusQuestionCountPerNeighbourMax = 2_048
    /// For so many questions counts one whose answer brings a certificate along.
    public static let statusCertificateCost = 3
    /// Answers that one neighbour gets at once, and in a second after that.
    public static let statusAnswerBurst = 64
    /// See above.
    public static let statusAnswersPerSecond = 128
    /// Names of records that are taken from one neighbour at once, and in a second after that.
    public static let statusHeardBurst = 2_048
    /// See above.
    public static let statusHeardPerSecond = 512
    /// Nodes whose checked certificates are kept.
    public static let statusSignerCountMax = 4_096
    /// Records of which signature and certificate are being checked.
    public static let statusCheckCountMax = 256
    /// Nodes that an operator had forgotten, and whose old records do not come back.
    public static let forgottenNodeCountMax = 4_096
    /// How far a record's own date may be off.
    public static let statusClockToleranceSeconds: Int64 = 120
    /// Models in a status record.
    public static let statusModelCountMax = 32
    /// The state of a node in its record, and its software.
    public static let statusTextByteCountMax = 64
    /// Why a version failed, in a status record.
    public static let statusReasonByteCountMax = 128
    /// A row is taken for silent after so many of its pauses.
    public static let statusPauseCountSilent = 4
    /// How often a node compares what it would say with what it said.
    public static let statusWatchPause = Duration.milliseconds(500)
    /// Places of which it is remembered what served there last.
    public static let historyPlaceCountMax = 65_536
    /// The file of what served where; there is one before it.
    public static let historyFileByteCountMax: Int64 = 4 << 20
}
