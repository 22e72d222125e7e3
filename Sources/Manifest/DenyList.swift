public import Units

/// The deny records that an agent keeps: for each subject, the one that outranks the others.
public struct DenyList: Hashable, Sendable {
    private var recordBySubject: [DenySubject: Verified<DenyRecord>] = [:]

    /// Nothing is denied.
    public init() {}

    /// How a record stands to the one that is kept of its subject: `newer` if there is none. Nothing is changed.
    public func precedence(of record: Verified<DenyRecord>) -> Precedence {
        recordBySubject[record.value.subject].map { record.precedence(over: $0) } ?? .newer
    }

    /// Takes a record in if it outranks the one that is kept; of the same one, the signatures are merged. Make it
    /// durable first.
    ///
    /// - Returns: how it stood to the one that was kept; nil if the list is full and the subject new (65,536
    ///   subjects), in which case nothing changed and the record must be reported.
    public mutating func apply(_ record: Verified<DenyRecord>) -> Precedence? {
        let subject = record.value.subject
        let precedence = precedence(of: record)
        if let known = recordBySubject[subject] {
            if precedence.replaces { recordBySubject[subject] = record }
            if precedence == .same { recordBySubject[subject] = known.merging(record) }
        } else {
            guard recordBySubject.count < Limits.denySubjectCountMax else { return nil }
            recordBySubject[subject] = record
        }
        return precedence
    }

    /// The record that is kept of a subject.
    public func record(of subject: DenySubject) -> Verified<DenyRecord>? { recordBySubject[subject] }

    /// All records in the order of their subjects: what levelling sends.
    public var records: [Verified<DenyRecord>] { recordBySubject.values.sorted { $0.value.subject < $1.value.subject } }

    /// True if a subject is shut out.
    public func isDenied(_ subject: DenySubject) -> Bool { recordBySubject[subject]?.value.state == .denied }

    /// True if a node is shut out.
    public func isDenied(_ node: NodeID) -> Bool { isDenied(.node(node)) }

    /// True if a version of a model is shut out. A record names both, so that a key for one model cannot shut out
    /// another's.
    public func isDenied(_ version: Digest, of model: ModelName) -> Bool { isDenied(.version(model, version)) }

    /// True if a channel is halted.
    public func isDenied(_ channel: ModelChannel) -> Bool { isDenied(.channel(channel)) }
}
