// Package quotas reads the limits of an AWS account from Service Quotas.
//
// A quota that was never raised is listed with its default, which for a new account may be
// more than AWS really gives it at first.
package quotas

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
)

// client is the part of Service Quotas' API that reading needs.
type client interface {
	ListServiceQuotas(context.Context, *servicequotas.ListServiceQuotasInput, ...func(*servicequotas.Options)) (*servicequotas.ListServiceQuotasOutput, error)
}

// Quotas are those of the account in a region. Errors are those of awserr.CallError.
type Quotas struct{ ServiceQuotas client }

// Quotas lists the quotas of a service, as Service Quotas calls it.
func (q Quotas) Quotas(ctx context.Context, service string) ([]doctor.Quota, error) {
	var all []doctor.Quota
	pages := servicequotas.NewListServiceQuotasPaginator(q.ServiceQuotas, &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String(service)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.CallError(err, "list the quotas of %s", service)
		}
		for _, quota := range page.Quotas {
			all = append(all, doctor.Quota{Service: service, Code: aws.ToString(quota.QuotaCode), Name: aws.ToString(quota.QuotaName), Value: aws.ToFloat64(quota.Value)})
		}
	}
	return all, nil
}
