package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// fileSecret is a secret in a file that only its owner reads.
type fileSecret string

func (f fileSecret) Ref() string { return "file:" + string(f) }

func (f fileSecret) Stored(context.Context) (string, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

func (f fileSecret) Store(_ context.Context, text string) error {
	return replace(string(f), []byte(text))
}

// awsSecret is a secret of Secrets Manager by its name, which need not be there yet.
type awsSecret struct {
	*cloud
	name, description string
}

func (s awsSecret) Ref() string { return "secretsmanager:" + s.name }

func (s awsSecret) client() *secretsmanager.Client { return secretsmanager.NewFromConfig(s.config) }

func (s awsSecret) Stored(ctx context.Context) (string, error) {
	out, err := s.client().GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.name})
	if errors.As(err, new(*types.ResourceNotFoundException)) {
		return "", nil
	}
	if err != nil {
		return "", s.explain(err)
	}
	return strings.TrimSpace(aws.ToString(out.SecretString)), nil
}

func (s awsSecret) Store(ctx context.Context, text string) error {
	_, err := s.client().PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.name, SecretString: &text})
	if errors.As(err, new(*types.ResourceNotFoundException)) {
		_, err = s.client().CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &s.name, SecretString: &text, Description: &s.description})
	}
	return s.explain(err)
}
