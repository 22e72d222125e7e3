internal import Files
internal import Units

/// Looks at what the kernel says of this machine. Blocks: for milliseconds, or up to 6 s where there is an NVIDIA
/// driver.
struct HardwareProbe {
    /// `/`; another folder in tests.
    let root: String

    func run() -> Hardware {
        var hardware = Hardware()
        let processors = text("proc/cpuinfo")
        hardware.hasAVX512 = processors.contains(" avx512f")
        hardware.isArm = processors.contains("CPU architecture: 8") || processors.contains("CPU architecture: 9")
        hardware.memory = memory
        hardware.hasNVIDIA = !names("proc/driver/nvidia/gpus").isEmpty
        if hardware.hasNVIDIA { hardware.nvidiaCapabilities = NVIDIAProbe.capabilities() }
        hardware.amdTargets = amdTargets
        hardware.hasIntelGPU = isIntel(
            names("sys/class/drm").filter { $0.hasPrefix("renderD") }, below: "sys/class/drm")
        hardware.hasIntelNPU = isIntel(names("sys/class/accel"), below: "sys/class/accel")
        return hardware
    }

    private var memory: ByteCount {
        let line = text("proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0
        return ByteCount(kibibytes << 10)
    }

    /// The kernel's number for `gfx90a` is 90010: two digits each for minor and stepping, the latter shown in base 16.
    private var amdTargets: [String] {
        names("sys/class/kfd/kfd/topology/nodes").compactMap { node in
            let properties = text("sys/class/kfd/kfd/topology/nodes/\(node)/properties")
            let line = properties.split(separator: "\n").first { $0.hasPrefix("gfx_target_version ") }
            guard let number = line?.split(separator: " ").last.flatMap({ Int($0) }), number > 0 else { return nil }
            return "gfx\(number / 10_000)\(number / 100 % 100)\(String(number % 100, radix: 16))"
        }
    }

    private func isIntel(_ devices: [String], below folder: String) -> Bool {
        devices.contains { text("\(folder)/\($0)/device/vendor").hasPrefix("0x8086") }
    }

    private func names(_ folder: String) -> [String] {
        ((try? OutsideFile.list(folder: "\(root)/\(folder)")) ?? []).map(\.name)
    }

    /// The beginning of a file of the kernel's, which has no size.
    private func text(_ path: String) -> String {
        guard let bytes = try? OutsideFile(path: "\(root)/\(path)").readStart(byteCountMax: Self.textByteCountMax)
        else {
            return ""
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let textByteCountMax = 64 << 10
}
