/// What this build calls itself, in HELLO, in `shoal version` and in the log.
public enum Software {
    /// The version of Shoal.
    public static let version = "0.1.0"
    /// Name and version together.
    public static let name = "shoal/\(version)"
}
