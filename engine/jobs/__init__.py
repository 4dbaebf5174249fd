"""Background work: a job is a folder, its worker a process that outlives the face that started it."""
