package protocol

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Registration is what a simulated just-in-time config holds.
type Registration struct {
	ServerURL  string
	RunnerID   int64
	RunnerName string
	WorkFolder string
	Secret     string
}

// The files in a just-in-time config, named like those of GitHub's runner.
const (
	settingsFile    = ".runner"
	credentialsFile = ".credentials"
	keyFile         = ".credentials_rsaparams"
)

// keyLength makes a config as large as GitHub's, which is over 4096 bytes since
// June 2025. A program that passes one on in a smaller space fails here.
const keyLength = 2400

type settings struct {
	AgentID    int64  `json:"agentId"`
	AgentName  string `json:"agentName"`
	PoolID     int64  `json:"poolId"`
	ServerURL  string `json:"serverUrl"`
	WorkFolder string `json:"workFolder"`
	Ephemeral  bool   `json:"ephemeral"`
	Simulated  bool   `json:"simulated"`
}

type credentials struct {
	Scheme string `json:"scheme"`
	Data   struct {
		Secret string `json:"secret"`
	} `json:"data"`
}

const credentialScheme = "Simulated"

// Encode returns the config in the form of GitHub's: base64 of a JSON object
// from file name to base64 of its content.
func (r Registration) Encode() string {
	c := credentials{Scheme: credentialScheme}
	c.Data.Secret = r.Secret
	return encode(map[string]string{
		settingsFile: encode(settings{
			AgentID: r.RunnerID, AgentName: r.RunnerName, PoolID: 1, ServerURL: r.ServerURL,
			WorkFolder: r.WorkFolder, Ephemeral: true, Simulated: true,
		}),
		credentialsFile: encode(c),
		keyFile:         encode(map[string]string{"filler": strings.Repeat("x", keyLength)}),
	})
}

// Decode reads what Encode wrote. It fails for a config of the real GitHub,
// which a stand-in could not use.
func Decode(config string) (Registration, error) {
	var files map[string]string
	var s settings
	var c credentials
	if err := decode(config, &files); err != nil {
		return Registration{}, fmt.Errorf("decode the JIT config: %w", err)
	}
	if err := decode(files[settingsFile], &s); err != nil {
		return Registration{}, fmt.Errorf("decode %s of the JIT config: %w", settingsFile, err)
	}
	if err := decode(files[credentialsFile], &c); err != nil {
		return Registration{}, fmt.Errorf("decode %s of the JIT config: %w", credentialsFile, err)
	}
	if !s.Simulated || c.Scheme != credentialScheme {
		return Registration{}, fmt.Errorf("JIT config of runner %s is not from the simulated GitHub", s.AgentName)
	}
	return Registration{
		ServerURL: s.ServerURL, RunnerID: s.AgentID, RunnerName: s.AgentName, WorkFolder: s.WorkFolder, Secret: c.Data.Secret,
	}, nil
}

func encode(v any) string {
	content, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and maps of them always marshal
	}
	return base64.StdEncoding.EncodeToString(content)
}

// decode names no part of what it could not read: it may be a credential.
func decode(encoded string, v any) error {
	content, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("it is not base64")
	}
	if err := json.Unmarshal(content, v); err != nil {
		return errors.New("it is not the expected JSON")
	}
	return nil
}
