package identity

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Endpoint is STS in one region. A signature is for its host and region only.
type Endpoint struct {
	URL    url.URL
	Region string
}

// Host is what a signature is for.
func (e Endpoint) Host() string { return e.URL.Host }

// EndpointOf is STS in the region of a configuration, where the SDK would ask it.
func EndpointOf(cfg aws.Config) (Endpoint, error) {
	found, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), sts.EndpointParameters{
		Region: aws.String(cfg.Region), Endpoint: cfg.BaseEndpoint, UseGlobalEndpoint: aws.Bool(false),
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("find STS in region %s: %w", cfg.Region, err)
	}
	return Endpoint{URL: found.URI, Region: cfg.Region}, nil
}
