package local

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// keyName is the file with the key of the claim tokens, readable by the fleet's
// user alone.
const keyName = "claim.key"

const keySize = 32

// claimKey reads the claim key, or makes it. It outlives the process: tasks that
// are up when the fleet restarts still claim with it.
func claimKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, keyName)
	key, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key = make([]byte, keySize)
		rand.Read(key) // never fails
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("claim key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("claim key %s has %d bytes and needs %d: restore it, or delete it when no runner is open", path, len(key), keySize)
	}
	return key, nil
}
