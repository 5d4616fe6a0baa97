package why

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// delivery answers for a job that GitHub has queued and the fleet has no record of: how
// GitHub delivered its webhook, and how that was answered.
func (f Facts) delivery(found *finding) {
	w := f.GitHub.Webhook
	d := w.Delivered
	switch {
	case w.NotSeen != "":
		found.says += ": GitHub has it queued, and no webhook about it has arrived"
		found.notes = append(found.notes, "how GitHub delivered its webhook is not known: "+sentence(w.NotSeen))
		found.next = append(found.next, f.lookAtDeliveries()...)
		return
	case d == nil:
		found.says += ": GitHub has it queued, and shows no delivery of a webhook about it"
		found.notes = append(found.notes, "GitHub shows the deliveries of the last three days")
		found.next = append(found.next, Step{"see whether there is a webhook that sends workflow_job events to this fleet", f.command("doctor")})
		return
	}
	found.whose = ofConfiguration
	ago := lasted(f.Now.Sub(d.At)) + " ago"
	answer, ours := answerOf(d.Body)
	if !ours {
		found.says += fmt.Sprintf(": GitHub tried to deliver its webhook %s, and no fleet answered (%d, %s)", ago, d.Status, name(d.Says))
		found.next = append(found.next, Step{"see whether the webhook's address is the fleet's, and whether the fleet is reached", f.command("doctor")})
	} else {
		found.says += fmt.Sprintf(": GitHub delivered its webhook %s, and the fleet answered %d %s", ago, d.Status, name(answer.Status))
		if answer.Reason != "" {
			found.says += ": " + sentence(answer.Reason)
		}
	}
	switch {
	case !ours:
	case d.Status == http.StatusUnauthorized:
		found.next = append(found.next, Step{"give the webhook the fleet's secret; this says where that is", f.command("doctor")})
	case d.Status/100 == 2 && answer.RunID != "", d.Status >= 500:
		found.whose = ofFleet
		found.next = append(found.next, Step{"see what keeps the fleet from handling events", f.command("doctor")})
	}
	if d.Status >= 500 {
		found.notes = append(found.notes, "the sweep asks GitHub to deliver again what failed")
	}
}

// answer is the fleet's to a delivery.
type answer struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
	RunID  string `json:"run_id"`
}

// answerOf reads the body of an answer. ours is false if it is not the fleet's.
func answerOf(body string) (a answer, ours bool) {
	return a, json.Unmarshal([]byte(body), &a) == nil && a.Status != ""
}
