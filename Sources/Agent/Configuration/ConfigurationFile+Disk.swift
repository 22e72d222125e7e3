internal import TOMLKit
internal import Units

/// `[disk]`.
extension ConfigurationReader {
    func readDisk(into configuration: inout AgentConfiguration) throws(ConfigurationError) {
        guard let disk = table["disk"]?.table else { throw wrong("disk", "a table") }
        let header = TableHeader(path: "disk")
        var target: ByteCount?
        for key in disk.keys.sorted() {
            if key == "scrub_days" {
                guard let days = disk[key]?.int, (0...3_660).contains(days) else {
                    throw wrong(key, "a number of days up to 3660, 0 for never", after: header)
                }
                configuration.scrubDays = days == 0 ? nil : Int64(days)
                continue
            }
            guard let size = disk[key]?.string.flatMap({ ByteCount(parsing: $0) }) else {
                throw wrong(key, "a size in quotes, such as \"200 GB\"", after: header)
            }
            switch key {
            case "quota": configuration.disk.quota = size
            case "free_min": configuration.disk.freeMin = size
            case "free_target": target = size
            default: throw unknown(key, in: "disk.", after: header)
            }
        }
        let free = configuration.disk.freeMin
        configuration.disk.freeTarget = target ?? free
        guard configuration.disk.freeTarget >= free else {
            throw wrong("free_target", "at least as much as free_min", after: header)
        }
    }
}
