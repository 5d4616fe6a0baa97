package quotas

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
)

// pages are the answers to one request after another.
type pages struct {
	answers []*servicequotas.ListServiceQuotasOutput
	err     error
	asked   []string
}

func (p *pages) ListServiceQuotas(_ context.Context, in *servicequotas.ListServiceQuotasInput, _ ...func(*servicequotas.Options)) (*servicequotas.ListServiceQuotasOutput, error) {
	p.asked = append(p.asked, aws.ToString(in.ServiceCode)+" "+aws.ToString(in.NextToken))
	if len(p.answers) == 0 {
		return nil, p.err
	}
	next := p.answers[0]
	p.answers = p.answers[1:]
	return next, nil
}

func page(next, code, name string, value float64) *servicequotas.ListServiceQuotasOutput {
	out := &servicequotas.ListServiceQuotasOutput{Quotas: []types.ServiceQuota{{QuotaCode: &code, QuotaName: &name, Value: &value}}}
	if next != "" {
		out.NextToken = &next
	}
	return out
}

func TestQuotasAreReadToTheLastPage(t *testing.T) {
	api := &pages{answers: []*servicequotas.ListServiceQuotasOutput{page("2", "L-1", "one", 6), page("", "L-2", "two", 0.5)}}
	got, err := Quotas{api}.Quotas(t.Context(), "fargate")
	want := []doctor.Quota{{Service: "fargate", Code: "L-1", Name: "one", Value: 6}, {Service: "fargate", Code: "L-2", Name: "two", Value: 0.5}}
	if err != nil || !slices.Equal(got, want) || !slices.Equal(api.asked, []string{"fargate ", "fargate 2"}) {
		t.Errorf("%+v, %v after %q", got, err, api.asked)
	}
}

func TestQuotasThatCannotBeRead(t *testing.T) {
	denied := errors.New("AccessDeniedException")
	api := &pages{answers: []*servicequotas.ListServiceQuotasOutput{page("2", "L-1", "one", 6)}, err: denied}
	if got, err := (Quotas{api}).Quotas(t.Context(), "fargate"); !errors.Is(err, denied) || got != nil {
		t.Errorf("half of a list is one: %v, %v", got, err)
	}
}
