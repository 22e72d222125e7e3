import Testing
import Units

@Suite struct TimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_799, "2000-02-29T23:59:59Z"), (1_893_456_000, "2030-01-01T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
    ])
    func aDate_isWrittenInUTC(seconds: Int64, text: String) {
        #expect(WallTime(secondsSince1970: seconds).description == text)
    }

    @Test func datesAndMoments_addAndCompare() {
        let date = WallTime(secondsSince1970: 10)
        #expect(date + .seconds(5) == WallTime(secondsSince1970: 15))
        #expect(date < date + .seconds(1))
        let moment = Instant.zero + .milliseconds(1_500)
        #expect(moment.nanoseconds == 1_500_000_000)
        #expect(moment - .zero == .milliseconds(1_500))
        #expect(Instant.zero - moment == .milliseconds(-1_500))
        #expect(Instant.zero < moment)
    }

    @Test func durations_areRoundedTowardZero() {
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
        #expect(Duration.microseconds(-1_999).wholeMilliseconds == -1)
        #expect(Duration.nanoseconds(5).wholeNanoseconds == 5)
        #expect(Duration.milliseconds(2_500).inSeconds == 2.5)
    }
}

@Suite struct SizesTests {
    @Test func countsAndOffsets_add() {
        let count: ByteCount = 5
        #expect(count + 3 == 8)
        #expect(count - 5 == 0)
        #expect(ByteOffset(7) + count == 12)
        var sum: ByteCount = 0
        sum += 9
        sum -= 4
        #expect(sum.int == 5 && sum == count)
        #expect(ChunkIndex(3).int == 3 && ChunkIndex(3) < 4)
    }

    @Test func aNegativeCount_traps() async {
        await #expect(processExitsWith: .failure) { _ = ByteCount(3) - ByteCount(4) }
    }
}

@Suite struct EndpointTests {
    private func address(_ bytes: [UInt8]) throws -> IPAddress { try #require(IPAddress(bytes)) }

    @Test func anIPv4AddressMappedIntoIPv6_isTheIPv4Address() throws {
        let mapped = try address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1])
        #expect(mapped == (try address([10, 0, 0, 1])))
        #expect(mapped.description == "10.0.0.1")
        #expect(IPAddress([1, 2, 3]) == nil)
        #expect(IPAddress([UInt8](repeating: 0, count: 15)) == nil)
    }

    @Test func loopbackAndUnspecified_areTold() throws {
        let zeros = [UInt8](repeating: 0, count: 15)
        #expect(try address([127, 9, 9, 9]).isLoopback)
        #expect(try !address([128, 0, 0, 1]).isLoopback)
        #expect(try address(zeros + [1]).isLoopback)
        #expect(try !address(zeros + [2]).isLoopback)
        #expect(try !address([1] + zeros).isLoopback)
        #expect(try address(zeros + [0]).isUnspecified)
        #expect(try address([0, 0, 0, 0]).isUnspecified)
        #expect(try !address([0, 0, 0, 1]).isUnspecified)
    }

    @Test func endpoints_areWrittenAndOrdered() throws {
        let four = Endpoint(address: try address([10, 0, 0, 2]), port: 80)
        let six = Endpoint(address: try address([0xFE, 0x80] + [UInt8](repeating: 0, count: 13) + [1]), port: 7447)
        #expect(four.description == "10.0.0.2:80")
        #expect(six.description == "[fe80:0:0:0:0:0:0:1]:7447")
        #expect(four < six)
        #expect(four < Endpoint(address: four.address, port: 81))
        #expect(Endpoint(address: try address([9, 255, 255, 255]), port: 99) < four)
    }
}

@Suite struct BoundedQueueTests {
    @Test func aFullQueue_refuses_andOrderIsKept() {
        var queue = BoundedQueue<Int>(capacity: 3)
        for number in 1...3 {
            let isTaken = queue.append(number)
            #expect(isTaken)
        }
        let isTaken = queue.append(4)
        #expect(!isTaken && queue.count == 3)
        #expect(queue.popFirst() == 1)
        let isTakenNow = queue.append(5)
        #expect(isTakenNow)
        #expect([queue.popFirst(), queue.popFirst(), queue.popFirst(), queue.popFirst()] == [2, 3, 5, nil])
        #expect(queue.isEmpty)
    }

    @Test func anyUse_givesWhatAnArrayGives() {
        var random = SplitMix64(seed: 3)
        var queue = BoundedQueue<Int>(capacity: 200)
        var model: [Int] = []
        for number in 0..<5_000 {
            if Int.random(in: 0..<5, using: &random) < 3 {
                let isTaken = queue.append(number)
                #expect(isTaken == (model.count < 200))
                if isTaken { model.append(number) }
            } else {
                #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(queue.count == model.count)
        }
    }
}

@Suite struct SplitMix64Tests {
    /// The first numbers of the published algorithm for the seed 1234567.
    @Test func aSeed_givesThePublishedSequence() {
        var random = SplitMix64(seed: 1_234_567)
        let numbers = (0..<5).map { _ in random.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }
}

@Suite struct LimitsTests {
    @Test func theBounds_fitEachOther() {
        #expect(Limits.chunkByteCountMax <= Limits.unverifiedByteCountMax)
        // A frame takes the largest DATA, bitmap, root and list of versions.
        #expect(1 + 8 + Limits.dataFrameByteCount <= Limits.frameByteCountMax)
        #expect(1 + 41 + Limits.holdingsBitmapByteCountMax <= Limits.frameByteCountMax)
        #expect(1 + 1 + Limits.rootByteCountMax <= Limits.frameByteCountMax)
        #expect(1 + 6 + 32 * Limits.versionsCountMax <= Limits.frameByteCountMax)
        #expect(Limits.frameByteCountMax <= Limits.waitingControlByteCountMax)
        // A layout takes the most chunks, each used once, in the most files.
        #expect(10 + 40 * Limits.chunkCountMax + 4 * Limits.fileCountMax <= Limits.layoutByteCountMax)
        #expect(Limits.fixedChunkCountMax <= Limits.chunkCountMax)
        // What travels can be read: Crypto takes at least what documents and frames carry.
        #expect(Limits.rootCertificateByteCountMax <= Limits.certificateByteCountMax)
        #expect(Limits.certificateFrameByteCountMax <= Limits.certificateByteCountMax)
        #expect(Limits.chunkByteCountMin <= Limits.chunkByteCountMax)
    }
}
