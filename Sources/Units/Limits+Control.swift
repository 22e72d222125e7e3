extension Limits {
    /// The file of `shoal seed --lineage`.
    public static let lineageFileByteCountMax = 1 << 20
    /// Connections to the control socket.
    public static let controlSessionCountMax = 64
    /// Requests that one of them may have open.
    public static let controlRequestCountMax = 16
    /// One message. A status of thousands of versions fits.
    public static let controlLineByteCountMax = 8 << 20
    /// How often the agent says that it still works on a request.
    public static let controlPulseSeconds = 5
    /// How long a command waits for a sign of life before it calls the agent stuck.
    public static let controlSilenceSeconds = 30
    /// How long what `get --include` fetched is kept for the command to copy.
    public static let partCopySecondsMax = 600
    /// How long `get` may be told to keep asking: 30 days.
    public static let waitSecondsMax = 30 * 24 * 3600
    /// Answers that wait because the asker does not read.
    public static let controlQueuedByteCountMax = 32 << 20
}
