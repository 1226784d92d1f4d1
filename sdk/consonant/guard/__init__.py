"""`consonant guard`: it watches a voice app's folders beside the app, removes what has outlived its time, and reports what it sees."""
