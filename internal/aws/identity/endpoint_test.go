package identity

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestEndpointOf(t *testing.T) {
	cases := map[string]struct {
		cfg       aws.Config
		url, host string
	}{
		"a region":                        {aws.Config{Region: "eu-west-1"}, "https://sts.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"},
		"the region of the global one":    {aws.Config{Region: "us-east-1"}, "https://sts.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"},
		"China":                           {aws.Config{Region: "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"},
		"GovCloud":                        {aws.Config{Region: "us-gov-west-1"}, "https://sts.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"},
		"an endpoint that stands for AWS": {aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:5000")}, "http://127.0.0.1:5000", "127.0.0.1:5000"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := EndpointOf(c.cfg)
			if err != nil || got.URL.String() != c.url || got.Host() != c.host || got.Region != c.cfg.Region {
				t.Errorf("%s, %s in %s: %v", &got.URL, got.Host(), got.Region, err)
			}
		})
	}
}

// Each part of STS's answer is compared, although one of them would do.
func TestTaskOf(t *testing.T) {
	role := Role{Partition: "aws", Account: "123456789012", UniqueID: "AROA1"}
	answer := func(account, arn, user string) []byte {
		return []byte("<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>" + arn + "</Arn><UserId>" + user + "</UserId><Account>" + account + "</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
	}
	const arn = "arn:aws:sts::123456789012:assumed-role/task/0a1b"
	if id, err := role.taskOf(answer("123456789012", arn, "AROA1:0a1b")); id != "0a1b" || err != nil {
		t.Errorf("the role itself: %q, %v", id, err)
	}
	for name, body := range map[string][]byte{
		"another account":          answer("210987654321", arn, "AROA1:0a1b"),
		"another account's ARN":    answer("123456789012", "arn:aws:sts::210987654321:assumed-role/task/0a1b", "AROA1:0a1b"),
		"another partition":        answer("123456789012", "arn:aws-cn:sts::123456789012:assumed-role/task/0a1b", "AROA1:0a1b"),
		"another role":             answer("123456789012", arn, "AROA2:0a1b"),
		"another session":          answer("123456789012", arn, "AROA1:ffff"),
		"no session":               answer("123456789012", "arn:aws:sts::123456789012:assumed-role/task/", "AROA1:"),
		"a user":                   answer("123456789012", "arn:aws:iam::123456789012:user/0a1b", "AIDA1"),
		"a user with such a name":  answer("123456789012", "arn:aws:iam::123456789012:user/assumed-role/task/0a1b", "AROA1:0a1b"),
		"the role without session": answer("123456789012", arn, "AROA1"),
	} {
		if id, err := role.taskOf(body); id != "" || !fleet.IsNamed(err, fleet.ClaimUnidentified) {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
	if id, err := (Role{Partition: "aws", Account: "123456789012"}).taskOf(answer("123456789012", arn, ":0a1b")); err == nil {
		t.Errorf("a deployment that does not say its role: %q", id)
	}
}
