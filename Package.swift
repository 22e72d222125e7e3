// swift-tools-version: 6.2
import PackageDescription

/// Every target is built with the same strict list; a warning is an error.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"), .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error), .strictMemorySafety(),
    // The floors are modules of their own, and what crosses them is on the path of every byte: a twentieth of the
    // processor time of a swarm that fills it.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")

/// The house: floors bottom up. `Scripts/check` holds the same table and refuses an import that is not in it.
let floors: [(name: String, imports: [Target.Dependency])] = [
    // Floors 0 to 2 are pure: no clock, no randomness of the system, no I/O.
    ("Units", []),
    ("Wire", ["Units"]),
    ("Manifest", ["Units"]),
    ("Chunking", ["Units"]),
    ("Swarm", ["Units", "Wire", "Manifest", collections]),
    ("Fleet", ["Units", "Wire", collections]),
    ("Rollout", ["Units", "Manifest"]),
    // Floor 3: the event loop and OpenSSL.
    ("EventLoop", ["Units", "CLibuv", "CLinux"]),
    ("Crypto", ["Units", "COpenSSL"]),
    // Floor 4
    ("Files", ["Units", "EventLoop", "CLinux"]),
    ("HTTPClient", ["Units", "EventLoop", "CCurl"]),
    // Floor 5
    ("Trust", ["Units", "Manifest", "Crypto", "EventLoop", "Files"]),
    ("Store", ["Units", "Manifest", "Chunking", "Crypto", "EventLoop", "Files"]),
    ("Handoff", ["Units", "Manifest", "EventLoop", "HTTPClient"]),
    ("Control", ["Units", "Manifest", "EventLoop"]),
    // Floor 6: the shell, in which effects become I/O.
    (
        "Agent",
        [
            "Units", "Wire", "Manifest", "Chunking", "Swarm", "Fleet", "Rollout", "EventLoop", "Crypto", "Files",
            "HTTPClient", "Trust", "Store", "Handoff", "Control", toml, logging, collections,
        ]
    ),
]

let libraries: [Target] = floors.map { .target(name: $0.name, dependencies: $0.imports, swiftSettings: strict) }

let systemLibraries: [Target] = [
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CLinux"),
]

let command: Target = .executableTarget(
    name: "shoal",
    dependencies: [
        "Units", "Manifest", "Chunking", "EventLoop", "Crypto", "Files", "Trust", "Store", "Control", "Rollout",
        "Handoff", "Agent", argumentParser,
    ],
    swiftSettings: strict
)

/// What tests of more than one target need.
let testKits: [Target] = [
    .target(
        name: "HTTPTesting", dependencies: ["EventLoop", "Units"], path: "Tests/HTTPTesting", swiftSettings: strict)
]
let kitsOfTests: [String: [Target.Dependency]] = ["HTTPClient": ["HTTPTesting"], "Handoff": ["HTTPTesting"]]

/// A target's tests may import the target, whatever the target itself may, and test kits.
let tests: [Target] = [
    "Units", "Wire", "Manifest", "Chunking", "Swarm", "Fleet", "Rollout", "EventLoop", "Crypto", "Files",
    "HTTPClient", "Trust", "Store", "Handoff", "Control", "Agent",
].map { name in
    let imports = floors.first { $0.name == name }?.imports ?? []
    let dependencies = [.byName(name: name)] + imports + (kitsOfTests[name] ?? [])
    return .testTarget(name: name + "Tests", dependencies: dependencies, swiftSettings: strict)
}

let commandTests: Target = .testTarget(
    name: "shoalTests", dependencies: ["shoal", "Control", "EventLoop", "Manifest", "Units", argumentParser],
    swiftSettings: strict
)

/// Thousands of agents' pure logic on a simulated network; floors 0 to 2 only.
let simulator: [Target] = [
    .target(
        name: "Simulator", dependencies: ["Units", "Wire", "Manifest", "Swarm", "Fleet", "Rollout", collections],
        swiftSettings: strict),
    .executableTarget(
        name: "shoal-sim", dependencies: ["Simulator", "Units", "Swarm", argumentParser], swiftSettings: strict),
    .testTarget(
        name: "SimulatorTests", dependencies: ["Simulator", "Units", "Swarm"], swiftSettings: strict),
]

let package = Package(
    name: "shoal",
    products: [
        .executable(name: "shoal", targets: ["shoal"]), .executable(name: "shoal-sim", targets: ["shoal-sim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
    ],
    targets: libraries + systemLibraries + [command] + testKits + tests + [commandTests] + simulator,
    swiftLanguageModes: [.v6]
)
