package fleet

import "time"

// Identity shows which task a claim comes from: the signature of a request
// sts:GetCallerIdentity that the task's role made. It has only the parts that the fleet
// cannot know when it rebuilds the request. The request is
//
//	GET https://<host of STS in the fleet's region>/?<IdentityQuery>
//
// with IdentityRunnerHeader and IdentityNonceHeader, presigned for IdentityFor
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html).
type Identity struct {
	Date         string `json:"date"` // as in X-Amz-Date
	AccessKeyID  string `json:"access_key_id"`
	SessionToken string `json:"session_token"`
	Signature    string `json:"signature"`
}

const (
	IdentityService      = "sts"
	IdentityQuery        = "Action=GetCallerIdentity&Version=2011-06-15"
	IdentityRunnerHeader = "X-Fleet-Runner"
	IdentityNonceHeader  = "X-Fleet-Nonce"

	// IdentityFor is how long a signature is accepted. STS itself accepts it for a
	// quarter of an hour.
	IdentityFor = time.Minute
)

// ClaimUnidentified is the name of the error of a claim that does not show that it comes
// from the runner's task.
const ClaimUnidentified = "Claim.Unidentified"

// What a container whose claim must have an Identity gets in its environment.
const (
	EnvIdentityHost   = "CLAIM_IDENTITY_HOST"   // of STS, which the signature is for
	EnvIdentityRegion = "CLAIM_IDENTITY_REGION" // of STS
)

// IdentityLabel and IdentityLabelValue are the label of an image whose entrypoint knows
// these two.
const (
	IdentityLabel      = "ecsrunner.claim"
	IdentityLabelValue = "identity"
)
