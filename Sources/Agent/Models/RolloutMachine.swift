internal import Rollout

/// Two modules have a type called Rollout: this is the state machine, not the head's field.
typealias RolloutMachine = Rollout
