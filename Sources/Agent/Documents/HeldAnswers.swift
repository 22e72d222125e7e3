internal import Units
internal import Wire

/// FETCHes of manifests that this agent is getting itself, and answers once it has them: so a manifest follows its head
/// from neighbour to neighbour, and nobody has to ask again.
///
/// held → taken, once: when the manifest came, when it did not, or when the time is up. How many there are is bounded
/// by the questions that one neighbour may have open.
struct HeldAnswers {
    struct Question: Equatable {
        let node: NodeID
        let fetch: Fetch
    }

    private var questions: [Digest: [Question]] = [:]

    /// True if it is the first for this digest.
    mutating func hold(_ question: Question) -> Bool {
        questions[question.fetch.digest, default: []].append(question)
        return questions[question.fetch.digest]?.count == 1
    }

    /// All that wait for this digest, in the order of their coming.
    mutating func take(_ digest: Digest) -> [Question] { questions.removeValue(forKey: digest) ?? [] }

    /// The neighbour is gone.
    mutating func lose(_ node: NodeID) {
        for digest in questions.keys {
            questions[digest]?.removeAll { $0.node == node }
            if questions[digest]?.isEmpty == true { questions[digest] = nil }
        }
    }
}
