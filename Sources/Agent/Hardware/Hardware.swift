internal import Units

/// What this machine can run models on.
struct Hardware: Hashable, Sendable {
    /// Compute capabilities of NVIDIA's processors, such as 90 for 9.0; descending.
    var nvidiaCapabilities: [Int] = []
    /// An NVIDIA driver is loaded, whatever is known of its processors.
    var hasNVIDIA = false
    /// AMD's names of its processors, such as `gfx90a`.
    var amdTargets: [String] = []
    var hasIntelGPU = false
    var hasIntelNPU = false
    var hasAVX512 = false
    var isArm = false
    var memory: ByteCount = 0

    /// Names of variants that this machine runs, best first. A name stands for itself and for longer ones: `cuda` for
    /// `cuda-fp16`.
    var preferredNames: [String] {
        var names: [String] = []
        for capability in nvidiaCapabilities { names += ["tensorrt-sm\(capability)", "cuda-sm\(capability)"] }
        if hasNVIDIA { names += ["tensorrt", "cuda"] }
        for target in amdTargets { names += ["migraphx-\(target)", "rocm-\(target)"] }
        if !amdTargets.isEmpty { names += ["migraphx", "rocm"] }
        if hasIntelNPU { names.append("openvino-npu") }
        if hasIntelGPU { names.append("openvino-gpu") }
        if hasAVX512 { names += ["openvino-avx512", "onnx-cpu-avx512", "cpu-avx512"] }
        if isArm { names += ["onnx-cpu-arm64", "cpu-arm64", "arm64"] }
        if !isArm { names += ["openvino-cpu", "openvino"] }
        return names + ["onnx-cpu", "onnx", "cpu", VariantName.default.text]
    }

    /// What only other machines run: a name that begins so is not taken, unless nothing else is there.
    var foreignNames: [String] {
        var names = ["openvino-npu", "openvino-gpu", "onnx-cpu-avx512", "cpu-avx512", "openvino-avx512"]
        names += ["onnx-cpu-arm64", "cpu-arm64", "arm64", "tensorrt", "cuda", "migraphx", "rocm"]
        if isArm { names.append("openvino") }
        let own = preferredNames
        return names.filter { !own.contains($0) }
    }
}
