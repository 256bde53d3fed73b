package evidence

// Prove makes the proof of some rows of a log file, as somebody would who has all of it.
func Prove(file []byte, places []int) []byte { return prove(leavesOf(file), places).encode() }
