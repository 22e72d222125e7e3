import Testing
import Units

@Suite struct ByteRateTests {
    @Test(arguments: [
        ("20 MB/s", 20_000_000), ("20MB/s", 20_000_000), ("512 KiB/s", 524_288), ("1.5 GB/s", 1_500_000_000),
        ("100 Mbit/s", 12_500_000), ("8 bit/s", 1), ("64 kb/s", 64_000), ("7 B/s", 7),
    ])
    func whatOperatorsWriteIsBytesASecond(_ text: String, _ bytes: Int64) {
        #expect(ByteRate(parsing: text)?.bytesPerSecond == bytes)
    }

    @Test(arguments: [
        "", "20", "MB/s", "20 MB", "-1 MB/s", "0 MB/s", "20 MB/s ", "1.2.3 MB/s", "20 m/s", "9999 GB/s", "1e3 MB/s",
        "nan B/s", "٣ MB/s",
    ])
    func anythingElseIsNoRate(_ text: String) {
        #expect(ByteRate(parsing: text) == nil)
    }

    @Test(arguments: [1, 999, 1_000, 1_010, 20_000_000, 1_500_000, 1_234_567, 524_288, 12_500_000, 2_050_000_000])
    func itsTextNamesTheSameRate(_ bytes: Int64) throws {
        let rate = try #require(ByteRate(bytesPerSecond: bytes))
        #expect(ByteRate(parsing: rate.description) == rate, "\(rate)")
    }

    @Test(arguments: [("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("2d", 172_800), ("1d1h1m1s", 90_061)])
    func aTimeIsTheSumOfItsParts(_ text: String, _ seconds: Int64) {
        #expect(Duration(parsing: text) == .seconds(seconds))
    }

    @Test(arguments: ["", "0s", "30", "m", "1m1h", "1h 30m", "1.5h", "-1s", "99999999999999999999s", "5000d", "1m1m"])
    func anythingElseIsNoTime(_ text: String) {
        #expect(Duration(parsing: text) == nil)
    }
}
