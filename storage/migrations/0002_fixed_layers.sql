-- Why a layer cannot be cut at all, where it cannot.
ALTER TABLE layer ADD COLUMN fixed TEXT;
