/** What this package asks of a log; the loggers of pino fit. */
export interface Logger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** The application that brings the PostgreSQL: the names by which the database, the system and a person know it. */
export interface Application {
  /** How messages for a person call it. */
  name: string
  /** The name of the database and of its superuser: lower-case letters, digits and underscores. */
  database: string
  /** An absolute folder for data and binaries, used only where PostgreSQL's system user cannot enter those the application is in. */
  sharedFolder: string
  /** The settings of the application that a message tells a person to change. */
  settings: {
    /** Chooses the data folder. */
    dataDirectory: string
    /** Chooses a PostgreSQL that somebody else runs. */
    databaseUrl: string
  }
}
