package page

import (
	"countersign/message"
	"countersign/verifier/policy"
)

// TurnedAway is the key of the words for why an enrolment's link turned a device
// away, by the enrolment's notice; empty where it turned none away. The link
// still stands.
func TurnedAway(notice string) string {
	switch notice {
	case "":
		return ""
	case message.ReasonWearable:
		return "add.watch"
	case string(policy.ReasonUpgradeRequired):
		return "add.upgrade"
	}
	return "add.turned_away"
}
