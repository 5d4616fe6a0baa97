package fleet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// ClaimToken is the one-time password with which a runner's container claims
// its GitHub credential. It is a pure function of the runner id, so that a
// repeated RunTask has identical parameters.
func ClaimToken(key []byte, runnerID string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(runnerID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckClaimToken compares in constant time and accepts any of the keys: two
// exist during rotation.
func CheckClaimToken(keys [][]byte, runnerID, token string) bool {
	ok := false
	for _, key := range keys {
		if hmac.Equal([]byte(ClaimToken(key, runnerID)), []byte(token)) {
			ok = true
		}
	}
	return ok
}

// NonceHash is what a record keeps of a claim's nonce: enough to recognise it, useless
// to a reader of the record.
func NonceHash(nonce string) string {
	sum := sha256.Sum256([]byte(nonce))
	return hex.EncodeToString(sum[:])
}

// What a runner's container gets in its environment.
const (
	EnvRunnerID   = "RUNNER_ID"
	EnvClaimURL   = "CLAIM_URL"   // the full URL of POST /runners/{id}/claim
	EnvClaimToken = "CLAIM_TOKEN" // the bearer token of that request
	EnvLogMiB     = "LOG_MIB"     // how much of the runner's output is logged; DefaultLogMiB without it
)

// DefaultLogMiB is how much of a runner's output its log holds, in MiB. A job's output
// goes to GitHub and is not counted.
const DefaultLogMiB = 16

// ClaimRequest is the body of POST /runners/{id}/claim; the claim token is the
// bearer token of the request.
type ClaimRequest struct {
	Nonce    string    `json:"nonce"`
	Identity *Identity `json:"identity,omitempty"`
	// CanAsk reports that the entrypoint can have the runner's job-started hook ask about
	// its job. Entrypoints of the release before say nothing.
	CanAsk bool `json:"can_ask,omitempty"`
}

// MaxNonce is the most characters of a nonce.
const MaxNonce = 128

// ClaimResponse answers a claim. It has the credential, and which certificates to trust
// beside the public authorities', or else the name of the error and a sentence.
type ClaimResponse struct {
	RunnerName       string `json:"runner_name,omitempty"`
	EncodedJITConfig string `json:"encoded_jit_config,omitempty"`
	GitHubCA         string `json:"github_ca,omitempty"`     // certificates in PEM that the runner is to trust
	AskAboutJob      bool   `json:"ask_about_job,omitempty"` // the job-started hook is to ask: enforce_policy
	// JobLog is what the runner's hooks print in the log of its job; nil prints nothing.
	JobLog  *JobLog `json:"job_log,omitempty"`
	Error   string  `json:"error,omitempty"`
	Message string  `json:"message,omitempty"`
}

// JobLog is what a runner's hooks say of it in the log of its job, as it is known when the
// runner claims. Nothing of it is secret: every reader of the job's log sees it.
type JobLog struct {
	RunnerID  string           `json:"runner_id"`
	RunID     string           `json:"run_id,omitempty"` // that the runner is for; GitHub may give it another job
	ClassName string           `json:"class_name,omitempty"`
	CPU       int              `json:"cpu,omitempty"`    // units
	Memory    int              `json:"memory,omitempty"` // MiB
	Arch      Arch             `json:"arch,omitempty"`
	Image     string           `json:"image,omitempty"`
	Digest    string           `json:"digest,omitempty"`
	Provider  CapacityProvider `json:"capacity_provider,omitempty"` // "" is not AWS
	PerMinute float64          `json:"usd_per_minute,omitempty"`    // 0 is no price
	// Estimated reports that the price is that of another region.
	Estimated bool      `json:"estimated,omitempty"`
	Since     time.Time `json:"since,omitzero"` // when its task was started
	Why       string    `json:"why,omitempty"`  // the command that explains what becomes of its job
}

// JobRequest is the body of POST /runners/{id}/job, by which a runner's job-started hook
// asks which job the runner has and whether policy admits it. The token, the nonce and the
// identity are those of the claim. The rest is what the hook's environment says, and only a
// hint where to look for the job.
type JobRequest struct {
	Nonce    string    `json:"nonce"`
	Identity *Identity `json:"identity,omitempty"`
	JobHint
}

// JobHint is what a job-started hook finds in GITHUB_REPOSITORY and GITHUB_RUN_ID.
type JobHint struct {
	Repository    string `json:"repository,omitempty"`
	WorkflowRunID int64  `json:"workflow_run_id,omitempty"`
}

// JobResponse answers a JobRequest: what policy says of the job, Admitted or Refused, or
// else the name of the error and a sentence.
type JobResponse struct {
	JobID   int64   `json:"job_id,omitempty"`
	Verdict Verdict `json:"verdict,omitempty"`
	Rule    string  `json:"rule,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Error   string  `json:"error,omitempty"`
	Message string  `json:"message,omitempty"`
}
