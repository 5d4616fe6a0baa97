package fleet

import "time"

// Limits of a runner's claim.
const (
	ClaimTime  = 10 * time.Minute // how long a container asks for its credential
	MaxClaims  = 10               // claim numbers of one runner
	maxRepeats = 3                // credentials given out in place of one whose answer was lost
)

// claimPauses are how long GitHub is not asked after the first ask without a
// registration, the second, and so on. None is longer than the idle limit (300 s): each
// ask is a heartbeat of the runner's execution.
var claimPauses = [...]time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}

// ClaimPause is how long GitHub is not asked after the runner's last ask, unless GitHub
// registers the runner.
func (r Runner) ClaimPause() time.Duration {
	return claimPauses[min(max(r.Asks, 1), len(claimPauses))-1]
}

// BeginAsk binds the runner to the nonce and counts an ask of GitHub for a registration.
// It keeps the claim number: once GitHub has made a registration of a number, NextClaim
// replaces it.
func (r Runner) BeginAsk(nonceHash string, now time.Time) Runner {
	r.NonceHash = nonceHash
	r.Claims = max(r.Claims, r.Deregistered+1)
	r.Asks++
	r.AskAt = now.Add(r.ClaimPause())
	return r.Mark(StageClaimed, now)
}

// SameAsk reports whether an ask has had no result since it began, and no later one has
// begun.
func (r Runner) SameAsk(begun Runner) bool {
	return r.Claims == begun.Claims && r.Asks == begun.Asks && r.RegistrationID == begun.RegistrationID
}

// ClaimOver says why a runner that was claimed gets no credential any more, "" if it may
// ask.
func (r Runner) ClaimOver(now time.Time) string {
	switch {
	case r.NonceHash == "":
		return ""
	case now.Sub(r.At(StageClaimed)) > ClaimTime:
		return "the time to claim is over"
	case r.RegistrationID != 0 && r.Repeats >= maxRepeats:
		return "the credential was given out before"
	case r.RegistrationID != 0 && r.Claims >= MaxClaims:
		return "too many registrations were made for this runner"
	}
	return ""
}

// NextClaim gives up the claim number, since GitHub has made a registration of it.
func (r Runner) NextClaim() Runner {
	r.Claims++
	r.RegistrationID = 0
	return r
}

// Registered records the registration of the claim number.
func (r Runner) Registered(id int64, now time.Time) Runner {
	r.RegistrationID = id
	r.Asks, r.AskAt = 0, time.Time{}
	return r.Progress(RunnerWaitingForJob).Mark(StageRegistered, now)
}
