"""The one door through which a study is reviewed. No Qt."""
