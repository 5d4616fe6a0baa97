// Command simulate lets guests enter and leave.
package main

import (
	"fmt"
	"os"

	"toy/room"
)

func main() {
	if guests := room.Leave(2); guests != 1 {
		fmt.Printf("guests leave one by one: broken in the history of seed 7, played as %q\n", os.Args[1:])
		os.Exit(1)
	}
}
