import FoundationEssentials
import Manifest
import Testing
import Units

@testable import Agent

@Suite struct VariantPreferenceTests {
    private func variant(_ name: String, byteCount: Int64 = 1_000) throws -> Variant {
        let entry = FileEntry(
            path: try #require(FilePath("x")), byteCount: ByteCount(byteCount),
            digest: Digest(exactly: [UInt8](repeating: 1, count: 32)))
        return Variant(name: try #require(VariantName(name)), files: [entry])
    }

    private func choice(
        _ hardware: Hardware, _ names: [String], configured: [String: String] = [:]
    ) throws -> String {
        let preference = VariantPreference(
            hardware: hardware, configured: try configured.mapValues { try #require(VariantName($0)) })
        let model = try #require(ModelName("a/b"))
        return preference.choose(of: model, among: try names.sorted().map { try variant($0) }).text
    }

    @Test func theHardwareDecides() throws {
        let all = [
            "cuda", "onnx-cpu", "onnx-cpu-avx512", "openvino", "openvino-gpu", "rocm-gfx90a", "tensorrt-sm80",
            "tensorrt-sm90",
        ]
        #expect(try choice(Hardware(), all) == "openvino")
        #expect(try choice(Hardware(isArm: true), all) == "onnx-cpu")
        #expect(try choice(Hardware(hasAVX512: true), all) == "onnx-cpu-avx512")
        #expect(try choice(Hardware(hasIntelGPU: true, hasAVX512: true), all) == "openvino-gpu")
        #expect(try choice(Hardware(amdTargets: ["gfx90a"]), all) == "rocm-gfx90a")
        #expect(try choice(Hardware(nvidiaCapabilities: [90, 80], hasNVIDIA: true), all) == "tensorrt-sm90")
        #expect(try choice(Hardware(nvidiaCapabilities: [86], hasNVIDIA: true), all) == "cuda")
        #expect(try choice(Hardware(hasNVIDIA: true), all) == "cuda")
    }

    @Test func aLongerNameIsTakenForAShorterOneUnlessItIsOtherHardwares() throws {
        #expect(try choice(Hardware(), ["onnx-cpu-int8", "zzz"]) == "onnx-cpu-int8")
        #expect(try choice(Hardware(), ["onnx-cpu-avx512-int8", "zzz"]) == "zzz")
        #expect(try choice(Hardware(), ["cuda", "tensorrt-sm90"]) == "cuda")
    }

    @Test func theConfigurationGoesBeforeTheHardware() throws {
        let names = ["cuda", "onnx-cpu"]
        #expect(try choice(Hardware(), names, configured: ["a/b": "cuda"]) == "cuda")
        #expect(try choice(Hardware(), names, configured: ["*": "cuda"]) == "cuda")
        #expect(try choice(Hardware(), names, configured: ["*": "cuda", "a/b": "onnx-cpu"]) == "onnx-cpu")
        #expect(try choice(Hardware(), names, configured: ["a/b": "unknown"]) == "onnx-cpu")
    }

    @Test func whatDoesNotFitIntoHalfOfTheMemoryIsNotTaken() throws {
        let preference = VariantPreference(hardware: Hardware(memory: 1_000_000), configured: [:])
        let model = try #require(ModelName("a/b"))
        let variants = [try variant("cpu-small"), try variant("onnx-cpu", byteCount: 500_001)]
        #expect(preference.choose(of: model, among: variants).text == "cpu-small")
        #expect(preference.choose(of: model, among: [variants[1]]).text == "onnx-cpu")
    }
}

@Suite struct HardwareProbeTests {
    private func probe(_ files: [String: String]) throws -> Hardware {
        let root = FileManager.default.temporaryDirectory.path + "/shoal-hardware-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: root) }
        for (path, text) in files {
            let folder = "\(root)/\(path)".split(separator: "/").dropLast().joined(separator: "/")
            try FileManager.default.createDirectory(atPath: "/" + folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: "\(root)/\(path)"))
        }
        return HardwareProbe(root: root).run()
    }

    @Test func aMachineWithNothingIsOneWithNothing() throws { #expect(try probe([:]) == Hardware()) }

    @Test func whatTheKernelSaysIsRead() throws {
        let found = try probe([
            "proc/cpuinfo": "flags\t\t: fpu avx512f avx512bw\n", "proc/meminfo": "MemTotal:       24000000 kB\n",
            "sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 8\ngfx_target_version 0\n",
            "sys/class/kfd/kfd/topology/nodes/1/properties": "simd_count 1\ngfx_target_version 90010\n",
            "sys/class/kfd/kfd/topology/nodes/2/properties": "gfx_target_version 110001\n",
            "sys/class/drm/renderD128/device/vendor": "0x8086\n", "sys/class/accel/accel0/device/vendor": "0x1002\n",
        ])
        #expect(found.hasAVX512 && !found.isArm && found.memory.value == 24_000_000 << 10)
        #expect(found.amdTargets == ["gfx90a", "gfx1101"])
        #expect(found.hasIntelGPU && !found.hasIntelNPU && !found.hasNVIDIA)
    }

    @Test func thisMachineHasMemory() { #expect(HardwareProbe(root: "/").run().memory > 0) }

    @Test func computeCapabilitiesAreRead() {
        #expect(NVIDIAProbe.parse("8.6\n9.0\n9.0\n") == [90, 86])
        #expect(NVIDIAProbe.parse("12.0") == [120])
        #expect(NVIDIAProbe.parse("NVIDIA-SMI has failed because 3 things\n").isEmpty)
    }
}
